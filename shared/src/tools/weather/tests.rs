use super::super::testing::{Web, block_on};
use super::*;

const PARIS: &str = r#"{"results":[
    {"id":1,"name":"Paris","latitude":33.66,"longitude":-95.55,"population":24782,"country_code":"US",
     "country":"United States","admin1":"Texas","admin2":"Lamar"},
    {"id":2,"name":"Paris","latitude":48.85341,"longitude":2.3488,"population":2138551,"country_code":"FR",
     "country":"France","admin1":"Île-de-France","admin2":"Paris"},
    {"id":3,"name":"Paris","latitude":43.2,"longitude":-80.38,"country_code":"CA","country":"Canada",
     "admin1":"Ontario"}],"generationtime_ms":0.5}"#;

const RAIN: &str = r#"{"latitude":48.86,"longitude":2.36,"timezone":"Europe/Paris","current_units":{"time":"iso8601"},
    "current":{"time":"2026-11-21T12:00","interval":900,"temperature_2m":11.6,"apparent_temperature":-0.4,
        "weather_code":61,"wind_speed_10m":14.5},
    "daily":{"time":["2026-11-21","2026-11-22"],"weather_code":[63,3],"temperature_2m_max":[12.4,13.5],
        "temperature_2m_min":[7.5,-6.7],"precipitation_probability_max":[80,null]}}"#;

fn endpoints() -> WeatherEndpoints {
    WeatherEndpoints {
        forecast: "https://weather.test/base/".parse().unwrap(),
        geocoding: "http://127.0.0.1:9".parse().unwrap(),
    }
}

fn ask(arguments: &str, answers: &[&str]) -> (Result<Value, ToolError>, Vec<String>) {
    let web = Web::new(answers.iter().map(|text| Ok(serde_json::from_str(text).unwrap())));
    let answer = block_on(run(arguments, &web, &endpoints()));
    (answer, web.asked())
}

#[test]
fn the_weather_is_told_in_words_and_whole_numbers() {
    let (answer, asked) = ask(r#"{"place":"Paris"}"#, &[PARIS, RAIN]);
    assert_eq!(
        answer.unwrap(),
        json!({
            "place": "Paris, Île-de-France, France",
            "degrees": "celsius",
            "now": { "sky": "light rain", "temperature": 12, "feels_like": 0, "wind": "15 kilometres per hour" },
            "today": { "sky": "rain", "high": 12, "low": 8, "chance_of_rain_percent": 80 },
            "tomorrow": { "sky": "overcast", "high": 14, "low": -7 },
        })
    );
    assert_eq!(asked[0], "http://127.0.0.1:9/v1/search?name=Paris&count=100&language=en&format=json");
    assert_eq!(
        asked[1],
        "https://weather.test/base/v1/forecast?latitude=48.85341&longitude=2.3488\
         &current=temperature_2m%2Capparent_temperature%2Cweather_code%2Cwind_speed_10m\
         &daily=weather_code%2Ctemperature_2m_max%2Ctemperature_2m_min%2Cprecipitation_probability_max\
         &temperature_unit=celsius&wind_speed_unit=kmh&timezone=auto&forecast_days=2"
    );
}

#[test]
fn the_caller_chooses_the_degrees() {
    let (answer, asked) = ask(r#"{"place":"Paris","units":"Fahrenheit"}"#, &[PARIS, RAIN]);
    assert!(asked[1].contains("&temperature_unit=fahrenheit&wind_speed_unit=mph"));
    let answer = answer.unwrap();
    assert_eq!((&answer["degrees"], &answer["now"]["wind"]), (&json!("fahrenheit"), &json!("15 miles per hour")));
}

#[test]
fn of_several_places_the_largest_where_the_caller_said() {
    let place =
        |said: &str| ask(&json!({ "place": said }).to_string(), &[PARIS, RAIN]).0.map(|answer| answer["place"].clone());
    for (said, found) in [
        ("paris", "Paris, Île-de-France, France"),
        ("Paris, Texas", "Paris, Texas, United States"),
        ("Paris , TEXAS, usa", "Paris, Texas, United States"),
        ("Paris, us", "Paris, Texas, United States"),
        ("Paris, Canada,", "Paris, Ontario, Canada"),
    ] {
        assert_eq!(place(said).unwrap(), found, "{said}");
    }
    let error = place("Paris, Spain").unwrap_err();
    assert_eq!(error.kind, ToolErrorKind::NotFound);
    assert!(error.message.contains("not in that region"));
}

#[test]
fn a_place_that_is_its_own_region_is_named_once() {
    let berlin =
        r#"{"results":[{"name":"Berlin","latitude":52.5,"longitude":13.4,"admin1":"Berlin","country":"Germany"}]}"#;
    assert_eq!(ask(r#"{"place":"Berlin"}"#, &[berlin, RAIN]).0.unwrap()["place"], "Berlin, Germany");
}

#[test]
fn a_place_that_is_not_there_is_not_found() {
    for nothing in [r#"{"generationtime_ms":0.4}"#, r#"{"results":[]}"#] {
        let (answer, asked) = ask(r#"{"place":"Xyzzy"}"#, &[nothing]);
        assert_eq!(answer.unwrap_err().kind, ToolErrorKind::NotFound);
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn an_answer_without_sense_is_unavailable() {
    let nonsense: [&[&str]; 6] = [
        &[r#"{"error":true,"reason":"Daily limit exceeded"}"#],
        &["[]"],
        &[r#"{"results":[{"name":"Paris"}]}"#],
        &[PARIS, "{}"],
        &[PARIS, r#"{"error":true,"reason":"x"}"#],
        &[
            PARIS,
            r#"{"current":{"temperature_2m":1,"apparent_temperature":1,"weather_code":0,"wind_speed_10m":1},
            "daily":{"weather_code":[0],"temperature_2m_max":[1],"temperature_2m_min":[1]}}"#,
        ],
    ];
    for answers in nonsense {
        let error = ask(r#"{"place":"Paris"}"#, answers).0.unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::Unavailable, "{answers:?}");
    }
}

#[test]
fn a_service_that_is_silent_is_unavailable() {
    for (error, words) in [
        (PortError::Throttled("429".to_owned()), "too busy"),
        (PortError::Unavailable("refused".to_owned()), "does not answer"),
        (PortError::Corrupt("html".to_owned()), "does not answer"),
    ] {
        let web = Web::new([Err(error)]);
        let error = block_on(run(r#"{"place":"Paris"}"#, &web, &endpoints())).unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::Unavailable);
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[test]
fn without_a_place_nobody_is_asked() {
    for arguments in ["{}", r#"{"place":""}"#, r#"{"place":" , "}"#, r#"{"place":"X"}"#, r#"{"city":"Rome"}"#] {
        let (answer, asked) = ask(arguments, &[]);
        assert_eq!(answer.unwrap_err().kind, ToolErrorKind::InvalidArguments, "{arguments}");
        assert!(asked.is_empty(), "{arguments}");
    }
}

#[test]
fn every_code_of_the_service_has_a_word() {
    let codes =
        [0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86, 95, 96, 99];
    assert!(codes.into_iter().all(|code| sky(code) != "uncertain"));
    assert_eq!(sky(4), "uncertain");
}
