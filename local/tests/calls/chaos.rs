//! Chaos without faults: what judges a run finds nothing to complain of when all is well, and says so.

use tokio::process::Command;

use crate::house::MACHINE;

async fn chaos(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_voicebridge"))
        .arg("chaos")
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), told)
}

#[tokio::test]
async fn without_faults_every_claim_holds() {
    let _alone = MACHINE.lock().await;
    let run = async |path: &str| {
        let quiet = ["--faults", "none", "--calls", "2", "--relays", "2", "--questions", "2", "--media-path", path];
        let (good, told) = chaos(&quiet).await;
        assert!(good && told.contains("Nothing dropped a call."), "{path}: {told}");
        assert_eq!(told.matches('✓').count(), 10, "{path}: {told}");
    };
    tokio::join!(run("gateway"), run("direct"));
}

#[tokio::test]
async fn a_plan_is_printed_and_is_the_same_for_the_same_seed() {
    let (good, plan) = chaos(&["--plan", "--seed", "7"]).await;
    assert!(good && plan.lines().filter(|line| line.contains("kill -9 relay")).count() == 30, "{plan}");
    assert_eq!(chaos(&["--plan", "--seed", "7"]).await.1, plan);
    assert_ne!(chaos(&["--plan", "--seed", "8"]).await.1, plan);
}
