//! `get_weather`: the sky over a place, by Open-Meteo. First its geocoder finds the place, then its forecast is asked.
//!
//! Shapes: <https://open-meteo.com/en/docs> and <https://open-meteo.com/en/docs/geocoding-api>.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::validate::Arguments;
use super::{ToolError, ToolErrorKind, ToolSpec};
use crate::ports::{Fetch, PortError};

pub const NAME: &str = "get_weather";

/// Where the two services are: scheme and host, and a path in front of `/v1/…` if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeatherEndpoints {
    pub forecast: Url,
    pub geocoding: Url,
}

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "The weather at a place now, today and tomorrow.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "place": {
                    "type": "string",
                    "description": "City or town, followed by region or country in full if the caller named one: \
                                    `Berlin`, `Paris, Texas`, `Perth, Scotland`. Ask the caller if there is none.",
                },
                "units": {
                    "type": "string",
                    "enum": UNITS,
                    "description": "The caller's usual degrees; celsius if unknown.",
                },
            },
            "required": ["place"],
            "additionalProperties": false,
        }),
    }
}

pub(super) async fn run(arguments: &str, fetch: &impl Fetch, endpoints: &WeatherEndpoints) -> Result<Value, ToolError> {
    let query = Query::parse(arguments)?;
    let found = fetch.get_json(&query.geocoding_url(&endpoints.geocoding)?).await.map_err(|error| silent(&error))?;
    let place = query.place(&found)?;
    let url = query.forecast_url(&endpoints.forecast, &place)?;
    let forecast = fetch.get_json(&url).await.map_err(|error| silent(&error))?;
    query.report(&place, &forecast)
}

const UNITS: [&str; 2] = ["celsius", "fahrenheit"];
/// As many as the geocoder gives: the one that is meant may be a small one.
const MATCHES: &str = "100";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Query {
    name: String,
    /// Region, country, or both, in lower case.
    within: Vec<String>,
    units: &'static str,
}

impl Query {
    fn parse(arguments: &str) -> Result<Self, ToolError> {
        let arguments = Arguments::parse(arguments, &["place", "units"])?;
        let units = arguments.choice("units", &UNITS)?.unwrap_or(UNITS[0]);
        let place = arguments.required_text("place", 100)?;
        let mut parts = place.split(',').map(str::trim).filter(|part| !part.is_empty());
        let name = parts.next().filter(|name| name.chars().count() > 1);
        let name = name.ok_or_else(|| super::validate::invalid("`place` must name a city or town."))?.to_owned();
        Ok(Self { name, within: parts.map(str::to_lowercase).collect(), units })
    }

    fn geocoding_url(&self, base: &Url) -> Result<Url, ToolError> {
        let mut url = endpoint(base, "search")?;
        url.query_pairs_mut()
            .append_pair("name", &self.name)
            .append_pair("count", MATCHES)
            .append_pair("language", "en")
            .append_pair("format", "json");
        Ok(url)
    }

    /// The most populous of those that lie where the caller said.
    fn place(&self, found: &Value) -> Result<Place, ToolError> {
        let places = read::<Found>(found)?.results;
        let anywhere = !places.is_empty();
        let mut best: Option<Place> = None;
        for place in places.into_iter().filter(|place| place.lies_in(&self.within)) {
            if best.as_ref().is_none_or(|best| place.population > best.population) {
                best = Some(place);
            }
        }
        best.ok_or_else(|| not_found(anywhere))
    }

    fn forecast_url(&self, base: &Url, place: &Place) -> Result<Url, ToolError> {
        let mut url = endpoint(base, "forecast")?;
        let fahrenheit = self.units == "fahrenheit";
        url.query_pairs_mut()
            .append_pair("latitude", &place.latitude.to_string())
            .append_pair("longitude", &place.longitude.to_string())
            .append_pair("current", "temperature_2m,apparent_temperature,weather_code,wind_speed_10m")
            .append_pair("daily", "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max")
            .append_pair("temperature_unit", self.units)
            .append_pair("wind_speed_unit", if fahrenheit { "mph" } else { "kmh" })
            .append_pair("timezone", "auto")
            .append_pair("forecast_days", "2");
        Ok(url)
    }

    fn report(&self, place: &Place, forecast: &Value) -> Result<Value, ToolError> {
        let forecast: Forecast = read(forecast)?;
        let (now, days) = (&forecast.current, &forecast.daily);
        let wind_unit = if self.units == "fahrenheit" { "miles per hour" } else { "kilometres per hour" };
        serde_json::to_value(Report {
            place: place.full_name(),
            degrees: self.units,
            now: Now {
                sky: sky(now.weather_code),
                temperature: round(now.temperature_2m),
                feels_like: round(now.apparent_temperature),
                wind: format!("{} {wind_unit}", round(now.wind_speed_10m)),
            },
            today: days.day(0).ok_or_else(nonsense)?,
            tomorrow: days.day(1).ok_or_else(nonsense)?,
        })
        .map_err(|_| nonsense())
    }
}

fn endpoint(base: &Url, name: &str) -> Result<Url, ToolError> {
    let mut url = base.clone();
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(["v1", name]);
        }
        Err(()) => return Err(ToolError::new(ToolErrorKind::Internal, "The weather service has no usable address.")),
    }
    Ok(url)
}

#[derive(Deserialize)]
struct Found {
    /// Left out when there is none.
    #[serde(default)]
    results: Vec<Place>,
}

/// An error is an answer too, and none of ours.
fn read<'a, T: Deserialize<'a>>(answer: &'a Value) -> Result<T, ToolError> {
    let is_answer = answer.is_object() && answer["error"] != true;
    if is_answer { T::deserialize(answer).map_err(|_| nonsense()) } else { Err(nonsense()) }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Place {
    name: String,
    latitude: f64,
    longitude: f64,
    population: Option<u64>,
    admin1: Option<String>,
    admin2: Option<String>,
    country: Option<String>,
    country_code: Option<String>,
}

impl Place {
    fn lies_in(&self, within: &[String]) -> bool {
        within.iter().all(|part| self.is_called(country_name(part)))
    }

    fn is_called(&self, part: &str) -> bool {
        let names = [&self.admin1, &self.admin2, &self.country, &self.country_code];
        names.into_iter().flatten().any(|name| name.to_lowercase() == part)
    }

    fn full_name(&self) -> String {
        let mut parts = vec![self.name.as_str()];
        for part in [&self.admin1, &self.country].into_iter().flatten() {
            if !parts.contains(&part.as_str()) {
                parts.push(part);
            }
        }
        parts.join(", ")
    }
}

/// What people say for a country, where that is not its name or its code.
fn country_name(said: &str) -> &str {
    match said {
        "usa" | "u.s." | "u.s.a." | "america" | "united states of america" | "the united states" => "us",
        "uk" | "u.k." | "britain" | "great britain" | "the united kingdom" => "gb",
        other => other,
    }
}

#[derive(Deserialize)]
struct Forecast {
    current: Current,
    daily: Daily,
}

#[derive(Deserialize)]
struct Current {
    temperature_2m: f64,
    apparent_temperature: f64,
    weather_code: u16,
    wind_speed_10m: f64,
}

#[derive(Deserialize)]
struct Daily {
    weather_code: Vec<u16>,
    temperature_2m_max: Vec<f64>,
    temperature_2m_min: Vec<f64>,
    /// Not every model of the weather has it.
    #[serde(default)]
    precipitation_probability_max: Vec<Option<u8>>,
}

impl Daily {
    fn day(&self, index: usize) -> Option<Day> {
        Some(Day {
            sky: sky(*self.weather_code.get(index)?),
            high: round(*self.temperature_2m_max.get(index)?),
            low: round(*self.temperature_2m_min.get(index)?),
            chance_of_rain_percent: self.precipitation_probability_max.get(index).copied().flatten(),
        })
    }
}

#[derive(Serialize)]
struct Report {
    place: String,
    degrees: &'static str,
    now: Now,
    today: Day,
    tomorrow: Day,
}

#[derive(Serialize)]
struct Now {
    sky: &'static str,
    temperature: i64,
    feels_like: i64,
    wind: String,
}

#[derive(Serialize)]
struct Day {
    sky: &'static str,
    high: i64,
    low: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance_of_rain_percent: Option<u8>,
}

/// Nobody says 11.8 degrees on the telephone.
#[allow(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn round(value: f64) -> i64 {
    value.round() as i64
}

/// WMO code table 4677, as far as Open-Meteo uses it.
fn sky(code: u16) -> &'static str {
    match code {
        0 => "clear",
        1 => "mostly clear",
        2 => "partly cloudy",
        3 => "overcast",
        45 => "fog",
        48 => "freezing fog",
        51 | 53 | 55 => "drizzle",
        56 | 57 => "freezing drizzle",
        61 => "light rain",
        63 => "rain",
        65 => "heavy rain",
        66 | 67 => "freezing rain",
        71 => "light snow",
        73 => "snow",
        75 => "heavy snow",
        77 => "snow grains",
        80 => "light showers",
        81 => "showers",
        82 => "violent showers",
        85 | 86 => "snow showers",
        95 => "thunderstorms",
        96 | 99 => "thunderstorms with hail",
        _ => "uncertain",
    }
}

fn not_found(elsewhere: bool) -> ToolError {
    let message = if elsewhere {
        "There is such a place, but not in that region or country. Give their full names, or leave them out."
    } else {
        "No place of that name was found. Ask the caller to spell it, or for a larger town nearby."
    };
    ToolError::new(ToolErrorKind::NotFound, message)
}

fn nonsense() -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, "The weather service gave an answer that makes no sense.")
}

fn silent(error: &PortError) -> ToolError {
    let message = match error {
        PortError::Throttled(_) => "The weather service is too busy; try again in a minute.",
        PortError::Conflict(_) | PortError::Gone | PortError::Unavailable(_) | PortError::Corrupt(_) => {
            "The weather service does not answer at the moment."
        }
    };
    ToolError::new(ToolErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests;
