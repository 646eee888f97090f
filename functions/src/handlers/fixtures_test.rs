//! The gateway's events as the people who maintain `aws_lambda_events` know them: their own fixtures, read by us.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::Value;
use serde_json::value::RawValue;

use super::http::Request;
use super::testing::{CONNECT, DISCONNECT, MESSAGE};
use super::ws_event::{Stage, WsEvent};

/// The package's own folder, wherever cargo keeps it.
fn fixtures() -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host()])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "aws_lambda_events").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.with_file_name("src").join("fixtures")
}

/// Without it cargo would ask for the packages of other platforms too.
fn host() -> String {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

#[test]
fn websocket_events_are_read_as_others_know_them() {
    let folder = fixtures();
    for (name, close_code) in [
        ("example-apigw-websocket-request.json", None),
        ("example-apigw-websocket-request-without-method.json", None),
        ("example-apigw-websocket-request-disconnect-route.json", Some(1005)),
    ] {
        let json = std::fs::read_to_string(folder.join(name)).unwrap();
        let event = WsEvent::read(raw(json.trim())).unwrap_or_else(|| panic!("{name}"));
        assert!(!event.connection.as_str().is_empty(), "{name}");
        assert_eq!((event.stage, event.close_code), (Stage::Call, close_code), "{name}");
    }
}

#[test]
fn http_events_are_read_as_others_know_them() {
    let folder = fixtures();
    for name in ["iam", "jwt-authorizer", "lambda-authorizer", "multi-value-parameters", "no-authorizer"] {
        let json = std::fs::read_to_string(folder.join(format!("example-apigw-v2-request-{name}.json"))).unwrap();
        let event: ApiGatewayV2httpRequest = serde_json::from_str(&json).unwrap();
        let request = Request::read(event).unwrap_or_else(|_| panic!("{name}"));
        assert!(request.path.starts_with('/'), "{name}");
    }
}

#[test]
fn our_own_fixtures_are_events_too() {
    for (json, text) in [(CONNECT, false), (MESSAGE, true), (DISCONNECT, false)] {
        let event = WsEvent::read(raw(json.trim())).unwrap();
        assert_eq!((event.connection.as_str(), event.text.is_empty()), ("I8mzEc2bPHcCIWQ=", !text));
    }
}
