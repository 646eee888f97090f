//! Recordings: segments become one WAV, whatever happens on the way.

use aws_sdk_s3::primitives::ByteStream;
use shared::audio::wav;
use shared::calls::Recorded;
use shared::ids::CallSid;
use shared::ports::{EraseRecordings, FoundRecording, ReadRecording, Recordings};

use crate::world::{Bucket, CALL, bucket};

/// Five seconds of stereo.
const SEGMENT_BYTES: usize = 80_000;

fn sid() -> CallSid {
    CALL.into()
}

fn recorded() -> Recorded {
    Recorded { call: sid(), retention_days: 7 }
}

fn segment(number: u32) -> Vec<u8> {
    (0..SEGMENT_BYTES).map(|at| (at as u32 * 31 + number * 7) as u8).collect()
}

async fn record(bucket: &Bucket, segments: std::ops::Range<u32>) {
    for number in segments {
        bucket.recordings.put_segment(&recorded(), number, 1, segment(number)).await.unwrap();
    }
}

async fn keys(bucket: &Bucket) -> Vec<String> {
    let listed = bucket.client.list_objects_v2().bucket("recordings").send().await.unwrap();
    listed.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
}

fn assert_holds(file: &[u8], segments: std::ops::Range<u32>) {
    let (header, data) = file.split_at(wav::HEADER_BYTES);
    let expected: Vec<u8> = segments.flat_map(segment).collect();
    assert_eq!(header, wav::mulaw_header(2, Some(expected.len() as u64)));
    assert!(data == expected, "{} bytes", data.len());
}

#[tokio::test]
async fn segments_become_a_wav_in_their_order_and_go() {
    let bucket = bucket().await;
    record(&bucket, 0..12).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..12);
    assert_eq!(keys(&bucket).await, [format!("recordings/{CALL}.wav")]);
}

#[tokio::test]
async fn a_long_recording_is_joined_in_parts() {
    let bucket = bucket().await;
    record(&bucket, 0..80).await; // 6.4 MB: a whole part and the last one
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..80);
}

#[tokio::test]
async fn finishing_can_be_repeated() {
    let bucket = bucket().await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_eq!(bucket.recordings.recording(&sid()).await.unwrap(), None);
    record(&bucket, 0..3).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..3);
}

#[tokio::test]
async fn a_crash_while_segments_are_removed_costs_nothing() {
    let bucket = bucket().await;
    record(&bucket, 0..4).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    // As if the process had died after the first two were removed.
    record(&bucket, 2..4).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..4);
    assert_eq!(keys(&bucket).await.len(), 1);
}

#[tokio::test]
async fn a_crash_before_that_is_made_good() {
    let bucket = bucket().await;
    record(&bucket, 0..4).await;
    let half = ByteStream::from_static(b"RIFF");
    let key = format!("recordings/{CALL}.wav");
    bucket.client.put_object().bucket("recordings").key(key).body(half).send().await.unwrap();
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..4);
}

/// Five seconds of which one holder heard this stretch.
fn part(heard: std::ops::Range<usize>, length: usize) -> Vec<u8> {
    let whole = segment(1).into_iter().enumerate().take(length);
    whole.map(|(at, byte)| if heard.contains(&at) { byte } else { 0xFF }).collect()
}

/// Segment 1 in two parts, after a whole segment 0 and before a whole segment 2.
async fn moved(bucket: &Bucket) {
    record(bucket, 0..1).await;
    bucket.recordings.put_segment(&recorded(), 2, 2, segment(2)).await.unwrap();
    let (first, second) = (part(0..30_000, 30_000), part(30_000..SEGMENT_BYTES, SEGMENT_BYTES));
    bucket.recordings.put_segment(&recorded(), 1, 2, second).await.unwrap();
    bucket.recordings.put_segment(&recorded(), 1, 1, first).await.unwrap();
}

#[tokio::test]
async fn parts_of_one_segment_by_two_holders_become_one() {
    let bucket = bucket().await;
    moved(&bucket).await;
    assert_eq!(keys(&bucket).await.len(), 4, "a successor adds and replaces nothing");
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..3);
    assert_eq!(keys(&bucket).await, [format!("recordings/{CALL}.wav")]);
}

#[tokio::test]
async fn a_first_segment_in_parts_is_no_reason_to_begin_anew_after_a_crash() {
    let bucket = bucket().await;
    let (first, second) = (segment(0)[..400].to_vec(), [vec![0xFF; 400], segment(0)[400..].to_vec()].concat());
    bucket.recordings.put_segment(&recorded(), 0, 1, first).await.unwrap();
    bucket.recordings.put_segment(&recorded(), 0, 3, second).await.unwrap();
    record(&bucket, 1..3).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    // As if the process had died after the first segment was removed.
    record(&bucket, 1..3).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..3);
}

#[tokio::test]
async fn segments_of_before_names_had_fences_are_still_joined() {
    let bucket = bucket().await;
    for number in 0..2 {
        let key = format!("recordings/{CALL}/{number:06}.ulaw");
        let body = ByteStream::from(segment(number));
        bucket.client.put_object().bucket("recordings").key(key).body(body).send().await.unwrap();
    }
    record(&bucket, 2..3).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    assert_holds(&bucket.recordings.recording(&sid()).await.unwrap().unwrap(), 0..3);
    assert_eq!(keys(&bucket).await.len(), 1);
}

#[tokio::test]
async fn a_recording_is_read_whole_or_by_a_link() {
    let bucket = bucket().await;
    assert_eq!(bucket.recordings.read_recording(&sid(), 1 << 20).await.unwrap(), None);
    record(&bucket, 0..2).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    let whole = bucket.recordings.read_recording(&sid(), 1 << 20).await.unwrap();
    let Some(FoundRecording::Whole(whole)) = whole else { panic!("{whole:?}") };
    let Some(FoundRecording::At(link)) = bucket.recordings.read_recording(&sid(), 1_000).await.unwrap() else {
        panic!("a link was expected")
    };
    let fetched = reqwest::get(link).await.unwrap().bytes().await.unwrap();
    assert!(fetched == whole);
}

#[tokio::test]
async fn a_url_saves_the_recording_by_its_name() {
    let bucket = bucket().await;
    assert_eq!(bucket.recordings.recording_url(&sid(), "call.wav").await.unwrap(), None);
    record(&bucket, 0..2).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    let url = bucket.recordings.recording_url(&sid(), "call-2026.wav").await.unwrap().unwrap();
    assert!(url.query().unwrap().contains("response-content-disposition=attachment"), "{url}");
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"call-2026.wav\"");
    assert_holds(&answer.bytes().await.unwrap(), 0..2);
}

#[tokio::test]
async fn an_erased_recording_is_gone_joined_or_not_and_others_stay() {
    let bucket = bucket().await;
    let other = Recorded { call: "CA00000000000000000000000000000002".into(), retention_days: 7 };
    bucket.recordings.put_segment(&other, 0, 1, segment(0)).await.unwrap();
    record(&bucket, 0..2).await;
    bucket.recordings.finish_recording(&recorded()).await.unwrap();
    record(&bucket, 2..4).await;
    assert_eq!(keys(&bucket).await.len(), 4);
    for _ in 0..2 {
        bucket.recordings.erase_recording(&sid()).await.unwrap();
        assert_eq!(keys(&bucket).await, ["recordings/CA00000000000000000000000000000002/000000.000001.ulaw"]);
    }
}
