//! Listens to the logs of every process after a whole conversation: no secret, no number, no spoken word.

use local::model::Script;
use shared::calls::MediaPath;

use crate::house::{House, MACHINE, run};

const SCRIPT: &str = "greeting\n  say agent-greeting \"Thank you for calling the lighthouse.\"\nhear \"My parrot is called Balthazar.\"\n  call lookup_prescription {\"number\": \"RX-7788\"}\nresult lookup_prescription\n  say agent-lookup \"Balthazar is a fine name.\"\n  call hang_up {}";
const CALLER: &str =
    "patience 20s\nwait for agent\nsay caller-prescription \"My parrot is called Balthazar.\"\nwait for the end";

#[tokio::test]
async fn logs_carry_no_secret_no_number_and_no_word() {
    let _alone = MACHINE.lock().await;
    let house = House::start(MediaPath::Gateway, SCRIPT.parse::<Script>().unwrap(), |options| {
        options.env.insert("OPENAI_API_KEY".to_owned(), "sk-planted-key-4711".to_owned());
        options.env.insert("CONSOLE_TOKEN".to_owned(), "planted-console-token".to_owned());
    })
    .await;
    let mut config = house.config(CALLER);
    config.from = "+15557654321".to_owned();
    let report = run(config).await;
    assert!(report.ok(), "{report:?}");
    let auth_token = house.cloud.twilio_auth_token().reveal().to_owned();
    let folder = house.cloud.logs().to_owned();
    let logs: String = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(logs.contains(&report.sid), "the logs were not read, or do not name the call:\n{logs}");
    for planted in ["7654321", "Balthazar", "lighthouse", "7788", "sk-planted", "planted-console", auth_token.as_str()]
    {
        assert!(!logs.contains(planted), "{planted:?} is in the logs: {}", line_with(&logs, planted));
    }
    house.stop().await;
}

fn line_with<'a>(logs: &'a str, planted: &str) -> &'a str {
    logs.lines().find(|line| line.contains(planted)).unwrap_or_default()
}
