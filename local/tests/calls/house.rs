//! A cloud, a model and callers, as a test wants them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use local::call::{CallReport, Caller, Config};
use local::cloud::{Cloud, Options};
use local::model::{Handle, Script, ScriptedModel};
use serde_json::Value;
use shared::calls::MediaPath;
use tokio::sync::Mutex;

/// The machine that all tests share. Each wants it for itself: a call is a thing of milliseconds.
pub(crate) static MACHINE: Mutex<()> = Mutex::const_new(());

pub(crate) struct House {
    pub(crate) cloud: Cloud,
    pub(crate) model: Handle,
}

impl House {
    pub(crate) async fn start(path: MediaPath, model: Script, adjust: impl FnOnce(&mut Options)) -> Self {
        let model = ScriptedModel::start(model, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let mut options = Options::temporary();
        options.media_path = path;
        options.model_url = Some(model.url().parse().unwrap());
        adjust(&mut options);
        Self { cloud: Cloud::start(options).await.unwrap(), model }
    }

    pub(crate) fn config(&self, script: &str) -> Config {
        let webhook = self.cloud.origin().join("twiml").unwrap();
        let mut config = Config::new(webhook, self.cloud.twilio_auth_token().clone());
        config.script = Arc::new(script.parse().unwrap());
        config
    }

    pub(crate) async fn call(&self, script: &str) -> CallReport {
        run(self.config(script)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = self.cloud.origin().join(path).unwrap();
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    /// What the API tells of a call, once it tells that it has ended.
    pub(crate) async fn ended(&self, sid: &str) -> Value {
        until(async || {
            let call = self.get(&format!("calls/{sid}")).await;
            let told =
                call["events"].as_array().is_some_and(|all| all.iter().any(|event| event["event"]["event"] == "ended"));
            told.then_some(call)
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
        self.model.stop().await;
    }
}

pub(crate) async fn run(config: Config) -> CallReport {
    tokio::time::timeout(Duration::from_secs(90), Caller::new(config).run()).await.expect("the call ends")
}

/// Asks until there is an answer; a test that waits for ever has failed.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut interval = tokio::time::interval(Duration::from_millis(50));
    loop {
        interval.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < patience, "it did not come in 20 s");
    }
}

/// The events of a call that bear this name.
pub(crate) fn events<'a>(call: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = call["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|event| &event["event"]).filter(|event| event["event"] == name).collect()
}
