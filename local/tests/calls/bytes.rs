//! What goes in comes out, byte for byte and in order, at many calls at once: each caller sends numbered frames, the
//! model sends back what it hears, and the caller finds every one of them again.

use std::time::Duration;

use futures_util::future::join_all;
use local::call::CallReport;
use local::cloud::Jitter;
use local::model::Script;
use shared::calls::MediaPath;

use crate::house::{House, MACHINE, run};

/// Calls come one after another and go on side by side: fifty at a time, which a slow machine carries in time.
const APART: Duration = Duration::from_millis(150);

async fn ring(house: &House, calls: u32, script: &str) -> Vec<CallReport> {
    let callers = (0..calls).map(|number| {
        let mut config = house.config(script);
        config.probe = true;
        async move {
            tokio::time::sleep(APART * number).await;
            run(config).await
        }
    });
    join_all(callers).await
}

/// Frames of a call that have come back at least: else nothing was looked at.
const ECHOED: u64 = 50;

/// Nothing skipped, nothing doubled, nothing changed. What was on its way when the caller hung up is not missed: on a machine
/// that has much else to do that may be most of it.
fn assert_exact(reports: &[CallReport]) {
    for report in reports {
        let probe = report.probe.as_ref().unwrap();
        assert!(report.ok(), "{report:?}");
        assert_eq!((probe.out_of_order, probe.stray_bytes, probe.skipped), (0, 0, 0), "{}: {report:?}", report.sid);
        assert!(probe.returned >= ECHOED, "{} of {}", probe.returned, probe.sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_direct_calls_keep_every_byte() {
    let _alone = MACHINE.lock().await;
    let house = House::start(MediaPath::Direct, Script::echo(), |_| ()).await;
    let reports = ring(&house, 100, "wait 8000ms\nhang up").await;
    assert_exact(&reports);
    let sessions = house.model.sessions();
    assert_eq!(sessions.len(), 100);
    // The echo opens its response with the first frame it hears; a request that comes after that is one too many.
    let foreign = |error: &String| error != "conversation_already_has_active_response";
    assert!(!sessions.iter().any(|session| session.errors.iter().any(foreign)), "{sessions:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_calls_keep_every_byte_though_frames_overtake_one_another() {
    let _alone = MACHINE.lock().await;
    let house = House::start(MediaPath::Gateway, Script::echo(), |options| {
        options.faults.jitter = Some(Jitter { up_to: Duration::from_millis(40), seed: 7 });
    })
    .await;
    let reports = ring(&house, 8, "wait 6000ms\nhang up").await;
    assert_exact(&reports);
    house.stop().await;
}
