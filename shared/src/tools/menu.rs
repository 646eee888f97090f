//! `lookup_menu`: what there is to eat, by category, by words, or by what somebody does not eat.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::validate::Arguments;
use super::{ToolError, ToolErrorKind, ToolSpec, unreadable};
use crate::ports::{PortError, ReferenceData};

pub const NAME: &str = "lookup_menu";
/// The kind of its records in the reference data.
pub const KIND: &str = "menu_item";

/// A dish as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    pub name: String,
    pub category: String,
    /// As it should be said, with its currency: nothing is computed with it.
    pub price: String,
    pub description: String,
    /// Of [`DIETARY`].
    #[serde(default)]
    pub dietary: Vec<String>,
}

/// What a dish can be.
pub const DIETARY: [&str; 5] = ["vegetarian", "vegan", "gluten_free", "dairy_free", "nut_free"];

/// Nobody remembers more than this from hearing.
const MOST_ITEMS: usize = 6;

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Dishes and drinks with their prices. Without arguments: the categories.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "category": { "type": "string", "description": "A category, like `starters` or `desserts`." },
                "search": { "type": "string", "description": "Words of a dish or of what is in it, like `fish`." },
                "dietary": {
                    "type": "array",
                    "items": { "type": "string", "enum": DIETARY },
                    "description": "All of these must hold.",
                },
            },
            "additionalProperties": false,
        }),
    }
}

pub(super) async fn run(arguments: &str, data: &impl ReferenceData) -> Result<Value, ToolError> {
    let query = Query::parse(arguments)?;
    let records = data.items(KIND).await.map_err(|error| silent(&error))?;
    let items: Result<Vec<_>, _> = records.iter().map(MenuItem::deserialize).collect();
    query.answer(&items.map_err(|_| unreadable("menu"))?)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Query {
    category: Option<String>,
    search: Vec<String>,
    dietary: Vec<&'static str>,
}

impl Query {
    fn parse(arguments: &str) -> Result<Self, ToolError> {
        let arguments = Arguments::parse(arguments, &["category", "search", "dietary"])?;
        Ok(Self {
            category: arguments.text("category", 100)?.map(stem),
            search: words(arguments.text("search", 200)?.unwrap_or_default()),
            dietary: arguments.choices("dietary", &DIETARY)?,
        })
    }

    fn answer(&self, items: &[MenuItem]) -> Result<Value, ToolError> {
        if *self == (Self { category: None, search: Vec::new(), dietary: Vec::new() }) {
            return Ok(json!({ "categories": categories(items) }));
        }
        let found = self.find(items);
        if found.is_empty() {
            return Err(not_found(items));
        }
        let said: Vec<_> = found.iter().take(MOST_ITEMS).map(|item| report(item)).collect();
        let mut answer = json!({ "items": said });
        if found.len() > MOST_ITEMS {
            answer["more_items"] = json!(found.len() - MOST_ITEMS);
        }
        Ok(answer)
    }

    /// What has all the words; if nothing has, what has the most of them. The best first, then by name.
    fn find<'m>(&self, items: &'m [MenuItem]) -> Vec<&'m MenuItem> {
        let allowed = items.iter().filter(|item| self.allows(item));
        let mut scored: Vec<_> = allowed.map(|item| (self.score(item), item)).collect();
        let most = scored.iter().map(|((hits, _), _)| *hits).max().unwrap_or_default();
        scored.retain(|((hits, _), _)| *hits == most && (most > 0 || self.search.is_empty()));
        scored.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.name.cmp(&right.name)));
        scored.into_iter().map(|(_, item)| item).collect()
    }

    fn allows(&self, item: &MenuItem) -> bool {
        self.category.as_ref().is_none_or(|category| stem(&item.category) == *category)
            && self.dietary.iter().all(|diet| item.dietary.iter().any(|has| has == diet))
    }

    /// How many of the words are in it, and how many of these in its name.
    fn score(&self, item: &MenuItem) -> (usize, usize) {
        let name = words(&item.name);
        let all = words(&format!("{} {} {}", item.name, item.category, item.description));
        let count = |text: &[String]| self.search.iter().filter(|word| text.contains(word)).count();
        (count(&all), count(&name))
    }
}

fn report(item: &MenuItem) -> Value {
    json!({ "name": item.name, "price": item.price, "description": item.description, "dietary": item.dietary })
}

fn categories(items: &[MenuItem]) -> BTreeMap<&str, usize> {
    let mut categories = BTreeMap::new();
    for item in items {
        *categories.entry(item.category.as_str()).or_default() += 1;
    }
    categories
}

/// Words to compare by, without those that tell nothing.
fn words(text: &str) -> Vec<String> {
    const NOTHING: [&str; 12] = ["a", "an", "and", "any", "for", "have", "in", "of", "or", "some", "the", "with"];
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(stem);
    words.filter(|word| !NOTHING.contains(&word.as_str())).collect()
}

/// A word in lower case and in the singular, near enough.
fn stem(word: &str) -> String {
    let word = word.trim().to_lowercase();
    match word.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        _ => word.strip_suffix('s').filter(|stem| stem.len() > 2 && !stem.ends_with('s')).unwrap_or(&word).to_owned(),
    }
}

fn not_found(items: &[MenuItem]) -> ToolError {
    let categories: Vec<_> = categories(items).into_keys().collect();
    let message = format!("Nothing on the menu is like that. Its categories are: {}.", categories.join(", "));
    ToolError::new(ToolErrorKind::NotFound, message)
}

fn silent(_error: &PortError) -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, "The menu cannot be reached at the moment.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Data, block_on};
    use super::*;

    fn ask(arguments: Value) -> Result<Value, ToolError> {
        block_on(run(&arguments.to_string(), &Data::Seeded))
    }

    #[track_caller]
    fn check(arguments: Value, names: &[&str]) {
        let answer = ask(arguments).unwrap();
        let found: Vec<_> =
            answer["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn without_a_question_the_categories_are_told() {
        assert_eq!(
            ask(json!({})).unwrap(),
            json!({ "categories": { "desserts": 3, "drinks": 3, "mains": 5, "starters": 3 } })
        );
    }

    #[test]
    fn a_category_is_known_in_any_case_and_number() {
        let desserts = ["Apple crumble", "Chocolate and hazelnut torte", "Lemon sorbet"];
        for category in ["desserts", "Dessert", " DESSERTS "] {
            check(json!({ "category": category }), &desserts);
        }
    }

    #[test]
    fn words_find_what_has_all_of_them_the_name_before_the_rest() {
        check(json!({ "search": "Mushrooms" }), &["Mushroom risotto", "Tagliatelle with wild mushrooms"]);
        check(json!({ "search": "some wild mushrooms" }), &["Tagliatelle with wild mushrooms"]);
        check(json!({ "search": "lemon" }), &["Lemon sorbet", "Grilled sea bass"]);
    }

    #[test]
    fn if_nothing_has_all_words_the_most_of_them_do() {
        check(json!({ "search": "salmon and hazelnut torte" }), &["Chocolate and hazelnut torte"]);
    }

    #[test]
    fn what_somebody_does_not_eat_is_left_out() {
        check(json!({ "category": "mains", "dietary": ["vegan"] }), &["Chickpea and spinach curry"]);
        check(json!({ "category": "desserts", "dietary": ["Gluten-free", "dairy free"] }), &["Lemon sorbet"]);
        check(json!({ "search": "sorbet", "dietary": "vegan" }), &["Lemon sorbet"]);
    }

    #[test]
    fn no_more_is_told_than_can_be_remembered() {
        let answer = ask(json!({ "dietary": ["nut_free"] })).unwrap();
        assert_eq!(answer["items"].as_array().unwrap().len(), MOST_ITEMS);
        assert_eq!(answer["more_items"], 13 - MOST_ITEMS);
    }

    #[test]
    fn a_dish_is_told_with_its_price() {
        let answer = ask(json!({ "search": "crumble" })).unwrap();
        assert_eq!(answer["items"][0]["price"], "$8.00");
        assert_eq!(answer["items"][0]["dietary"], json!(["vegetarian", "nut_free"]));
        assert_eq!(answer.get("more_items"), None);
    }

    #[test]
    fn what_is_not_on_the_menu_is_not_found_and_the_categories_are_named() {
        for arguments in [json!({ "search": "sushi" }), json!({ "category": "breakfast" })] {
            let error = ask(arguments).unwrap_err();
            assert_eq!(error.kind, ToolErrorKind::NotFound);
            assert_eq!(
                error.message,
                "Nothing on the menu is like that. Its categories are: desserts, drinks, mains, starters."
            );
        }
    }

    #[test]
    fn arguments_are_checked() {
        let error = ask(json!({ "dietary": ["paleo"] })).unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::InvalidArguments);
        assert!(error.message.contains("`vegan`"));
    }

    #[test]
    fn a_menu_that_cannot_be_had_or_read_is_said_to_be_so() {
        let broken = block_on(run("{}", &Data::Broken(PortError::Unavailable("down".to_owned())))).unwrap_err();
        assert_eq!(broken.kind, ToolErrorKind::Unavailable);
        let odd = block_on(run("{}", &Data::Holding(vec![(KIND, "x", json!("soup"))]))).unwrap_err();
        assert_eq!(odd.kind, ToolErrorKind::Internal);
    }
}
