use serde_json::json;

use super::super::{KeyAction, McpServer, Transcription};
use super::*;
use crate::tools::own::OwnTool;

fn found(agent: &Agent) -> Vec<String> {
    agent.faults(&Guard::default()).into_iter().map(|fault| fault.pointer).collect()
}

fn with(change: impl FnOnce(&mut Agent)) -> Vec<String> {
    let mut agent = Agent::default();
    change(&mut agent);
    found(&agent)
}

fn server(label: &str, url: &str) -> McpServer {
    McpServer { label: label.to_owned(), url: url.parse().unwrap(), description: None, allowed_tools: Vec::new() }
}

#[test]
fn the_agent_that_everybody_begins_with_has_no_fault() {
    assert_eq!(found(&Agent::default()), Vec::<String>::new());
}

#[test]
fn a_voice_must_be_one_of_the_backends_or_of_ones_own() {
    for (voice, is_there) in [("marin", true), ("voice_4711", true), ("voice_", false), ("Marin", false), ("", false)] {
        let faults = with(|agent| agent.voice = voice.to_owned());
        assert_eq!(faults.is_empty(), is_there, "{voice}: {faults:?}");
    }
    let fault = Agent { voice: "bob".to_owned(), ..Agent::default() }.faults(&Guard::default()).remove(0);
    assert!(fault.detail.contains("marin") && fault.detail.contains("voice_"), "{fault}");
}

#[test]
fn numbers_out_of_range_are_faults_each_at_its_place() {
    assert_eq!(with(|agent| agent.speed = 1.6), ["/speed"]);
    assert_eq!(with(|agent| agent.speed = f32::NAN), ["/speed"]);
    let faults = with(|agent| {
        agent.limits.call = Duration::ZERO;
        agent.limits.tool = Duration::from_secs(29);
        agent.limits.tool_rounds = 0;
        agent.limits.tool_bytes = usize::MAX;
        agent.overflow.wait = Duration::from_secs(4_000);
    });
    assert_eq!(faults, ["/limits/call", "/limits/tool", "/limits/tool_bytes", "/limits/tool_rounds", "/overflow/wait"]);
    let faults = with(|agent| {
        agent.turn_detection =
            TurnDetection::ServerVad { threshold: 2.0, prefix_padding_ms: 9_000, silence_duration_ms: 0 };
        agent.truncation = super::super::Truncation::RetentionRatio(-0.1);
        agent.transcription = Some(Transcription { model: String::new(), language: Some("German".to_owned()) });
    });
    assert_eq!(faults.len(), 6, "{faults:?}");
}

#[test]
fn a_session_lasts_a_minute_at_least_and_a_limit_of_money_lets_something_be_spent() {
    let faults = with(|agent| {
        agent.limits.renew_after = Some(Duration::from_secs(59));
        agent.limits.spend_call = Some(Usd::ZERO);
        agent.limits.spend_day = Some(Usd::ZERO);
    });
    assert_eq!(faults, ["/limits/renew_after", "/limits/spend_call", "/limits/spend_day"]);
    let faults = with(|agent| {
        agent.limits.renew_after = Some(Duration::from_secs(60));
        agent.limits.spend_call = Some(Usd::from_billionths(1));
    });
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_variable_that_nobody_has_is_a_fault_where_it_is_used() {
    let faults = with(|agent| {
        agent.instructions = "{{shop}} {{date}} {{shpo}} {{".to_owned();
        agent.greeting = Greeting::Words("{{caller}}".to_owned());
        agent.unavailable = "{{date}}".to_owned();
        agent.variables = [("shop".to_owned().try_into().unwrap(), "Corner".to_owned())].into();
    });
    assert_eq!(faults, ["/instructions", "/instructions", "/greeting/words", "/unavailable"]);
    let faults = with(|agent| agent.variables = [("date".to_owned().try_into().unwrap(), "x".to_owned())].into());
    assert_eq!(faults, ["/variables/date"]);
}

#[test]
fn a_tool_that_nobody_has_is_a_fault_and_one_named_twice() {
    let tools = ["hang_up", "order_pizza", "hang_up"].map(str::to_owned).to_vec();
    assert_eq!(with(|agent| agent.tools = tools), ["/tools/1", "/tools/2"]);
}

#[test]
fn a_server_of_tools_is_reached_by_https_and_has_a_name_of_its_own() {
    let servers = vec![
        server("crm", "https://crm.example/mcp"),
        server("crm", "http://crm.example/mcp"),
        server("my crm", "https://crm.example/mcp"),
    ];
    let faults = with(|agent| agent.mcp_servers = servers);
    assert_eq!(faults, ["/mcp_servers/1/label", "/mcp_servers/1/url", "/mcp_servers/2/label"]);
}

#[test]
fn hours_that_overlap_are_faults_and_hours_that_touch_are_none() {
    let hours = |weekly: serde_json::Value| {
        let hours = serde_json::from_value(json!({ "weekly": weekly, "exceptions": { "2026-12-24": [] } })).unwrap();
        with(|agent| agent.hours = Some(hours))
    };
    assert_eq!(hours(json!({ "monday": ["09:00-12:00", "12:00-18:00"] })), Vec::<String>::new());
    let faults = hours(json!({ "monday": ["09:00-12:00", "13:00-14:00", "11:59-13:01"], "friday": [] }));
    assert_eq!(faults, ["/hours/weekly/monday/2"]);
    assert_eq!(hours(json!({ "monday": [] })), ["/hours"]);
    let nowhere = with(|agent| agent.time_zone = "Europe/Atlantis".to_owned());
    assert_eq!(nowhere, ["/time_zone"]);
}

#[test]
fn names_and_words_are_not_empty_and_not_endless() {
    assert_eq!(with(|agent| agent.id = "".into()), ["/id"]);
    assert_eq!(with(|agent| agent.id = "a/b".into()), ["/id"]);
    assert_eq!(with(|agent| agent.name = "  ".to_owned()), ["/name"]);
    assert_eq!(with(|agent| agent.instructions = String::new()), ["/instructions"]);
    assert_eq!(with(|agent| agent.greeting = Greeting::Spoken(String::new())), ["/greeting/spoken"]);
    assert_eq!(with(|agent| agent.instructions = "x".repeat(LARGEST)), [""]);
    assert_eq!(with(|agent| agent.language = Some("german".to_owned())), ["/language"]);
    for tag in ["de", "de-AT", "zh-Hant-TW", "es-419"] {
        assert_eq!(with(|agent| agent.language = Some(tag.to_owned())), Vec::<String>::new(), "{tag}");
    }
}

#[test]
fn faults_of_own_tools_and_keys_are_at_their_place_in_the_agent() {
    let mut agent = Agent { own_tools: vec![crate::testkit::own_tool()], ..Agent::default() };
    assert_eq!(found(&agent), Vec::<String>::new());
    agent.own_tools.push(OwnTool { description: String::new(), ..crate::testkit::own_tool() });
    agent.keypad.actions = [("x/y".to_owned(), KeyAction::HangUp {})].into();
    agent.limits.longest_hold = Duration::ZERO;
    let faults = ["/own_tools/1/description", "/own_tools/1/name", "/keypad/actions/x~1y", "/limits/longest_hold"];
    assert_eq!(found(&agent), faults);
}

#[test]
fn faults_of_transfer_targets_and_of_keys_that_lead_to_them_are_at_their_place() {
    let agent = Agent { transfer_targets: crate::testkit::transfer_targets(), ..Agent::default() };
    assert_eq!(found(&agent), Vec::<String>::new());
    let wrong = |agent: &mut Agent| {
        agent.transfer_targets = crate::testkit::transfer_targets();
        agent.transfer_targets[0].say = "One moment, {{caler}}.".to_owned();
        agent.transfer_targets[1].to = "030 123456".into();
        agent.keypad.actions = [("0".to_owned(), KeyAction::Transfer { to: "nobody".into() })].into();
    };
    assert_eq!(with(wrong), ["/transfer_targets/1/to", "/keypad/actions/0", "/transfer_targets/0/say"]);
}
