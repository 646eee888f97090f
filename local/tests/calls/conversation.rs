//! The demo, as a person runs it: greeting, tool call, barge-in, goodbye, recording; its exit status is the verdict.

use std::process::Output;

use tokio::process::Command;

use crate::house::MACHINE;

async fn demo(scenario: &str, path: &str) -> Output {
    let folder = std::env::temp_dir().join(format!("voicebridge-demo-{scenario}-{path}-{}", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_voicebridge"))
        .args(["demo", "--scenario", scenario, "--media-path", path, "--folder"])
        .arg(&folder)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let recordings = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "wav"));
    assert_eq!(recordings.count(), 1, "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::remove_dir_all(folder).unwrap();
    output
}

#[tokio::test]
async fn the_demo_works_on_both_media_paths() {
    let _alone = MACHINE.lock().await;
    let (gateway, direct) = tokio::join!(demo("pharmacy", "gateway"), demo("pharmacy", "direct"));
    for output in [gateway, direct] {
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("the caller cuts in") && told.contains("lookup_prescription took"), "{told}");
    }
}

/// A warm transfer that is declined, and a cold one that is answered, by an API like Twilio's.
#[tokio::test]
async fn the_demo_of_transfers_works() {
    let _alone = MACHINE.lock().await;
    let output = demo("transfer", "gateway").await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("declined") && told.contains("put through after"), "{told}");
}

/// Two people hear what it is about, press the key, and talk with the caller; the call ends with the last of them.
#[tokio::test]
async fn the_demo_of_conferences_works() {
    let _alone = MACHINE.lock().await;
    let output = demo("conference", "gateway").await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("takes the call") && told.contains("all three were together"), "{told}");
}

/// Uploaded as an MP3, chosen by the agent, heard while a tool takes its time.
#[tokio::test]
async fn the_demo_of_hold_music_works() {
    let _alone = MACHINE.lock().await;
    let output = demo("hold-music", "gateway").await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("hold music ends") && told.contains("byte for byte"), "{told}");
}
