//! Carrying out one call of a tool: everything but the doors to the world, which are handed in.

use super::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, WeatherEndpoints, menu, prescription, weather};
use crate::ports::{Fetch, ReferenceData};
use crate::redact::Pii;

/// The most that a tool answers: what is longer cannot be said on the telephone anyway.
pub const LONGEST_OUTPUT: usize = 16 * 1024;

/// Never fails but by an outcome that says why.
pub async fn run(
    request: &ToolRequest,
    fetch: &impl Fetch,
    data: &impl ReferenceData,
    endpoints: &WeatherEndpoints,
) -> ToolOutcome {
    let arguments = request.arguments.reveal().as_str();
    let answer = match request.name.as_str() {
        weather::NAME => weather::run(arguments, fetch, endpoints).await,
        prescription::NAME => prescription::run(arguments, data).await,
        menu::NAME => menu::run(arguments, data).await,
        _ => Err(unknown()),
    };
    bounded(answer?.to_string())
}

fn bounded(output: String) -> ToolOutcome {
    if output.len() > LONGEST_OUTPUT {
        let message = "The answer is too long to be told. Ask for less.";
        return Err(ToolError::new(ToolErrorKind::TooLarge, message));
    }
    Ok(Pii::new(output))
}

/// Its name came from the model, and is not repeated.
fn unknown() -> ToolError {
    let names: Vec<_> = super::builtin().into_iter().map(|spec| spec.name).collect();
    ToolError::new(
        ToolErrorKind::UnknownTool,
        format!("There is no tool of this name; there are {}.", names.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Data, Web, block_on};
    use super::*;

    fn call(name: &str, arguments: &str, data: &Data) -> ToolOutcome {
        let request = ToolRequest {
            sid: "CA1".into(),
            call: "call_1".into(),
            name: name.to_owned(),
            arguments: arguments.into(),
            agent: "default".into(),
            own: None,
        };
        let nowhere: url::Url = "http://127.0.0.1:9".parse().unwrap();
        let endpoints = WeatherEndpoints { forecast: nowhere.clone(), geocoding: nowhere };
        block_on(run(&request, &Web::new([Ok(json!({}))]), data, &endpoints))
    }

    #[test]
    fn each_tool_answers_to_its_name() {
        let menu = call("lookup_menu", r#"{"search":"soup"}"#, &Data::Seeded).unwrap();
        let menu: Value = serde_json::from_str(menu.reveal()).unwrap();
        assert_eq!(menu["items"][0]["name"], "Tomato and basil soup");
        let prescription = call("lookup_prescription", r#"{"number":"1234"}"#, &Data::Seeded).unwrap();
        assert!(prescription.reveal().contains("amoxicillin"));
        let weather = call("get_weather", r#"{"place":"Nowhere"}"#, &Data::Seeded).unwrap_err();
        assert_eq!(weather.kind, ToolErrorKind::NotFound);
    }

    #[test]
    fn every_builtin_tool_is_carried_out() {
        for tool in super::super::builtin() {
            let error = call(&tool.name, "[]", &Data::Seeded).unwrap_err();
            assert_eq!(error.kind, ToolErrorKind::InvalidArguments, "{}", tool.name);
        }
    }

    #[test]
    fn an_unknown_tool_is_named_as_such() {
        for name in ["order_pizza", "hang_up", ""] {
            let error = call(name, "{}", &Data::Seeded).unwrap_err();
            assert_eq!(error.kind, ToolErrorKind::UnknownTool);
            assert!(error.message.ends_with("there are get_weather, lookup_prescription, lookup_menu."));
        }
    }

    #[test]
    fn an_answer_that_nobody_could_listen_to_is_refused() {
        let item = json!({ "name": "Soup", "category": "x", "price": "$1", "description": "y".repeat(LONGEST_OUTPUT) });
        let error = call("lookup_menu", r#"{"search":"soup"}"#, &Data::Holding(vec![("menu_item", "soup", item)]));
        assert_eq!(error.unwrap_err().kind, ToolErrorKind::TooLarge);
    }
}
