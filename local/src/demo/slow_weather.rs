//! A weather service that takes its time, as others sometimes do.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// Before each of the two answers that a question takes.
const PAUSE: Duration = Duration::from_secs(3);

/// Serves until the program ends.
pub(super) async fn start() -> Result<Url, Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?).parse()?;
    let router = Router::new().route("/v1/search", get(oslo)).route("/v1/forecast", get(clouds));
    tokio::spawn(async move { serve(listener, router).await });
    Ok(url)
}

async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    axum::serve(listener, router).await
}

async fn oslo() -> Json<Value> {
    tokio::time::sleep(PAUSE).await;
    Json(json!({ "results": [{
        "id": 1, "name": "Oslo", "latitude": 59.91, "longitude": 10.75, "population": 709_037,
        "country_code": "NO", "country": "Norway", "admin1": "Oslo",
    }] }))
}

async fn clouds() -> Json<Value> {
    tokio::time::sleep(PAUSE).await;
    Json(json!({
        "latitude": 59.91, "longitude": 10.75, "timezone": "Europe/Oslo",
        "current": {
            "time": "2026-11-21T12:00", "temperature_2m": 4.1, "apparent_temperature": 1.0, "weather_code": 3,
            "wind_speed_10m": 9.0,
        },
        "daily": {
            "time": ["2026-11-21", "2026-11-22"], "weather_code": [3, 3], "temperature_2m_max": [5.0, 4.0],
            "temperature_2m_min": [1.0, 0.0], "precipitation_probability_max": [20, 30],
        },
    }))
}
