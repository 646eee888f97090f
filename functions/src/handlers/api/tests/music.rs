//! Hold music, from a file to what agents may play.

use super::super::super::testing::UPLOAD;
use super::*;

const MP3: &[u8] = include_bytes!("../../../../../music/tests/files/44k-stereo.mp3");
const WAV: &[u8] = include_bytes!("../../../../../music/tests/files/8k.wav");

async fn add(world: &World, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> (i64, Value) {
    let answer = ask(world, Http::post(path).document(kind, body)).await;
    (answer.status_code, serde_json::from_str(&text(&answer)).unwrap())
}

#[tokio::test]
async fn a_file_becomes_music_that_can_be_listed_heard_and_deleted() {
    let world = World::new();
    let (status, file) = add(&world, "/hold-music/files?title=Four%20Seasons", "audio/mpeg", MP3).await;
    assert_eq!((status, &file["title"], &file["source"]["format"]), (201, &json!("Four Seasons"), &json!("mp3")));
    assert!((1_990..2_050).contains(&file["length_ms"].as_u64().unwrap()), "{file}");
    assert_eq!(json_of(&world, Http::get("/hold-music/files")).await, json!({ "files": [file] }));
    let one = format!("/hold-music/files/{}", file["id"].as_str().unwrap());
    let heard = ask(&world, Http::get(&one)).await;
    assert_eq!((heard.status_code, &heard.headers["content-type"]), (200, &"audio/wav".parse().unwrap()));
    let Some(Body::Binary(heard)) = heard.body else { panic!("no WAV") };
    assert_eq!(wav::Wav::read(&heard).unwrap().rate, 8_000);
    assert_eq!(ask(&world, Http::new("DELETE", &one)).await.status_code, 204);
    for request in [Http::get(&one), Http::new("DELETE", &one)] {
        assert_eq!(ask(&world, request).await.status_code, 404);
    }
}

#[tokio::test]
async fn the_same_sound_is_the_same_file_however_often_it_is_sent() {
    let world = World::new();
    let (_, one) = add(&world, "/hold-music/files?title=a", "audio/wav", WAV).await;
    let (_, two) = add(&world, "/hold-music/files", "application/octet-stream", WAV).await;
    assert_eq!((&one["id"], &two["title"]), (&two["id"], &json!("untitled")));
    assert_eq!(json_of(&world, Http::get("/hold-music/status")).await["files"], 1);
}

#[tokio::test]
async fn a_large_file_goes_by_way_of_the_store() {
    let world = World::new();
    let (status, place) = add(&world, "/hold-music/uploads", "application/json", r#"{"bytes":30000000}"#).await;
    assert_eq!((status, &place["upload"]), (201, &json!(UPLOAD)));
    assert!(place["put"].as_str().unwrap().contains("30000000"));
    let wish = json!({ "upload": UPLOAD, "title": "From far" }).to_string();
    assert_eq!(add(&world, "/hold-music/files", "application/json", wish.clone()).await.0, 404, "nothing is there yet");
    world.state().uploaded = Some(WAV.to_vec());
    let (status, file) = add(&world, "/hold-music/files", "application/json", wish.clone()).await;
    assert_eq!((status, &file["title"]), (201, &json!("From far")));
    assert_eq!(add(&world, "/hold-music/files", "application/json", wish).await.0, 404, "it was used");
}

#[tokio::test]
async fn what_is_no_music_is_refused_with_a_reason() {
    let world = World::new();
    let zip = [b"PK\x03\x04".as_slice(), &[7; 3_000]].concat();
    for (path, kind, body, status, reason) in [
        ("/hold-music/files", "audio/mpeg", zip, 415, "a ZIP archive"),
        ("/hold-music/files", "audio/mpeg", MP3[..900].to_vec(), 422, "less than a second"),
        ("/hold-music/files", "audio/wav", Vec::new(), 422, "empty"),
        ("/hold-music/files", "audio/wav", vec![1; 5 << 20], 413, "/hold-music/uploads"),
        ("/hold-music/files", "multipart/form-data; boundary=x", WAV.to_vec(), 415, "the file itself"),
        ("/hold-music/files", "application/json", b"{}".to_vec(), 400, "upload"),
        ("/hold-music/files", "application/json", br#"{"upload":"../../recordings/CA1"}"#.to_vec(), 400, "upload"),
        ("/hold-music/uploads", "application/json", br#"{"bytes":2147483648}"#.to_vec(), 413, "larger than 112 MB"),
        ("/hold-music/uploads", "application/json", br#"{"bytes":0}"#.to_vec(), 422, "empty"),
        ("/hold-music/uploads", "application/json", br#"{"bytes":-1}"#.to_vec(), 400, "size"),
    ] {
        let (got, problem) = add(&world, path, kind, body).await;
        assert!(got == status && problem["detail"].as_str().unwrap().contains(reason), "{got} {problem}");
    }
    assert!(world.state().music.is_empty());
}

/// Whatever it is called, and however it comes; what was put into the store is not kept there, and what there was still plays.
#[tokio::test]
async fn a_renamed_archive_is_refused_by_either_way_and_leaves_the_music_alone() {
    let world = World::new();
    assert_eq!(add(&world, "/hold-music/files", "audio/wav", WAV).await.0, 201);
    let zip = [b"PK\x03\x04\x14\0\0\0\0\0".as_slice(), b"song.mp3", MP3].concat();
    let tagged = [b"ID3\x04\0\0\0\0\0\x02\0\0".as_slice(), &zip].concat();
    for file in [zip, tagged] {
        let (status, problem) = add(&world, "/hold-music/files?title=song.mp3", "audio/mpeg", file.clone()).await;
        assert!(status == 415 && problem["detail"].as_str().unwrap().contains("a ZIP archive"), "{problem}");
        world.state().uploaded = Some(file);
        let wish = json!({ "upload": UPLOAD, "title": "song.mp3" }).to_string();
        let (status, problem) = add(&world, "/hold-music/files", "application/json", wish.clone()).await;
        assert!(status == 415 && problem["detail"].as_str().unwrap().contains("a ZIP archive"), "{problem}");
        assert_eq!(add(&world, "/hold-music/files", "application/json", wish).await.0, 404, "it is gone");
    }
    assert_eq!(json_of(&world, Http::get("/hold-music/status")).await["files"], 1);
}

/// Two gigabytes that were put there by another way than ours are not even fetched.
#[tokio::test]
async fn an_upload_that_is_too_large_is_not_taken() {
    let world = World::new();
    world.state().uploaded = Some(vec![0; 113 << 20]);
    let wish = json!({ "upload": UPLOAD }).to_string();
    assert_eq!(add(&world, "/hold-music/files", "application/json", wish).await.0, 413);
}

#[tokio::test]
async fn there_is_an_end_to_how_many_files_are_kept() {
    let world = World::new();
    let (_, file) = add(&world, "/hold-music/files", "audio/wav", WAV).await;
    let file: shared::hold_music::MusicFile = serde_json::from_value(file).unwrap();
    let others = (1..100).map(|number| (format!("{number:024}").as_str().into(), (file.clone(), Vec::new())));
    world.state().music.extend(others);
    assert_eq!(add(&world, "/hold-music/files", "audio/wav", WAV).await.0, 409);
}

#[tokio::test]
async fn a_name_that_is_none_of_ours_leads_nowhere() {
    for path in ["/hold-music/files/..%2f..%2frecordings", "/hold-music/files/", "/hold-music/files/a/b", "/hold-music"]
    {
        assert_eq!(ask(&World::new(), Http::get(path)).await.status_code, 404, "{path}");
    }
    let answer = ask(&World::new(), Http::new("PUT", "/hold-music/files")).await;
    assert_eq!((answer.status_code, &answer.headers["allow"]), (405, &"GET, POST".parse().unwrap()));
}
