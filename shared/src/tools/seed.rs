//! The records that an installation begins with, so that every tool has something to find.

use serde::Deserialize;
use serde_json::Value;

use super::{menu, prescription};

/// Kind, id and value of each record, as the reference data has them.
pub fn seed() -> Vec<(&'static str, String, Value)> {
    let Seed { menu, prescriptions } = serde_json::from_str(include_str!("seed.json")).unwrap_or_default();
    let dishes = menu.into_iter().map(|item| record(menu::KIND, item, "name"));
    dishes.chain(prescriptions.into_iter().map(|item| record(prescription::KIND, item, "number"))).collect()
}

#[derive(Deserialize, Default)]
struct Seed {
    menu: Vec<Value>,
    prescriptions: Vec<Value>,
}

fn record(kind: &'static str, item: Value, key: &str) -> (&'static str, String, Value) {
    let key = item.get(key).and_then(Value::as_str).unwrap_or_default();
    let id = if kind == menu::KIND { key.to_lowercase().replace(' ', "-") } else { key.to_owned() };
    (kind, id, item)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_record_is_of_its_kind_and_has_a_name_of_its_own() {
        let records = seed();
        assert_eq!(records.len(), 19);
        let ids: BTreeSet<_> = records.iter().map(|(kind, id, _)| (*kind, id.as_str())).collect();
        assert_eq!(ids.len(), records.len());
        assert!(ids.contains(&("menu_item", "lemon-sorbet")) && ids.contains(&("prescription", "RX-1234")));
        for (kind, id, value) in &records {
            match *kind {
                menu::KIND => {
                    let item = menu::MenuItem::deserialize(value).unwrap();
                    assert!(item.dietary.iter().all(|diet| menu::DIETARY.contains(&diet.as_str())), "{id}");
                }
                _ => assert_eq!(prescription::Prescription::deserialize(value).unwrap().number, *id),
            }
        }
    }
}
