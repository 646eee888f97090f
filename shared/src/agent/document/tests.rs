use serde_json::json;

use super::{read as read_by, *};

fn read(document: Value) -> Result<Agent, Vec<Fault>> {
    read_by(document, &Guard::default())
}
use crate::agent::Greeting;

fn pointers(document: Value) -> Vec<String> {
    read(document).unwrap_err().into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn what_is_left_out_is_as_always() {
    assert_eq!(read(json!({})), Ok(Agent::default()));
    let vad = json!({ "turn_detection": { "type": "server_vad" }, "limits": { "silence": 5_000 } });
    let agent = read(vad).unwrap();
    assert_eq!(agent.turn_detection, Agent::default().turn_detection);
    assert_eq!(agent.limits.silence.as_secs(), 5);
}

#[test]
fn every_fault_of_shape_is_named_with_those_of_sense() {
    let mut found = pointers(json!({
        "id": "Not An Id",
        "speed": "fast",
        "voise": "marin",
        "hold_music": "jazz",
        "greeting": { "sung": "La" },
        "limits": { "call": -1, "silence": "long", "redials": 99 },
        "variables": { "Bad-Name": "x", "good": 7 },
        "tools": ["get_weather", 1, "hang_up", 2, "order_pizza"],
        "hours": { "weekly": { "monday": ["09:00-12:00", "nine to five", "11:00-13:00"], "lunedi": [] } },
        "mcp_servers": [{ "url": "https://a.example" }, { "label": "b", "url": "nowhere" }],
    }));
    let mut expected = vec![
        "/id",
        "/speed",
        "/voise",
        "/hold_music",
        "/greeting",
        "/limits/call",
        "/limits/silence",
        "/limits/redials",
        "/variables/Bad-Name",
        "/variables/good",
        "/tools/1",
        "/tools/3",
        "/tools/4",
        "/hours/weekly/monday/1",
        "/hours/weekly/monday/2",
        "/hours/weekly/lunedi",
        "/mcp_servers/0/label",
        "/mcp_servers/1/url",
    ];
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_agent_at_all_has_one_fault() {
    for document in [json!([]), json!("agent"), json!(null), json!(7)] {
        let faults = read(document).unwrap_err();
        assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, ""), "{faults:?}");
    }
}

#[test]
fn a_key_with_a_slash_in_it_is_written_as_the_standard_says() {
    assert_eq!(pointers(json!({ "a/b~c": 1 })), ["/a~1b~0c"]);
}

#[test]
fn an_agent_comes_back_from_yaml_as_it_went() {
    let agent = Agent {
        speed: 1.1,
        instructions: "Two\nlines: with a colon, a # and \"quotes\".\n".to_owned(),
        greeting: Greeting::Words("- Hello: no".to_owned()),
        time_zone: "Europe/Berlin".to_owned(),
        hours: Some(
            serde_json::from_value(json!({
                "weekly": { "monday": ["09:00-12:30"] },
                "exceptions": { "2026-12-24": [] },
            }))
            .unwrap(),
        ),
        ..Agent::default()
    };
    let yaml = to_yaml(&agent).unwrap();
    assert!(yaml.contains("speed: 1.1\n"), "{yaml}");
    assert_eq!(read(of_yaml(&yaml).unwrap()), Ok(agent), "{yaml}");
}

#[test]
fn what_is_no_yaml_and_no_json_is_said_in_one_line() {
    for error in [of_yaml("a: [").unwrap_err(), of_yaml("a: b: c").unwrap_err(), of_json("{").unwrap_err()] {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn much_is_not_made_out_of_little() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, of) in ('b'..='j').zip('a'..='i') {
        let aliases = vec![format!("*{of}"); 9].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    of_yaml(&bomb).unwrap_err();
}
