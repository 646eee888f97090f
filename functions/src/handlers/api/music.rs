//! Hold music over HTTP: what there is, and how a file becomes it. Small files come with the request, larger ones by way of
//! S3; either is made into µ-law here, once.

use std::time::{Duration, Instant};

use http::{Method, StatusCode, header};
use music::{Format, Import, ImportError, LARGEST_FILE, import};
use shared::audio::hold_music::{Piece, SHORTEST};
use shared::hold_music::{LONGEST, MOST_FILES, MusicFile, id_of, title, upload_id};
use shared::ids::MusicId;
use shared::ports::{KeepMusic, PortError, PortResult, Uploaded};
use url::form_urlencoded;

use super::super::http::{Request, Response};
use super::answers::{BuiltIn, FromUpload, MusicFiles, MusicLimits, MusicStatus, Upload, WantsUpload};
use super::{LONGEST_BODY, sound};

/// API Gateway waits for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn status<M: KeepMusic>(store: &M) -> PortResult<Response> {
    let files = store.music_files().await?;
    let formats = [Format::Wav, Format::Mp3, Format::Flac, Format::Ogg].map(Format::word);
    Ok(Response::json(&MusicStatus {
        files: files.len(),
        built_in: BuiltIn { length_ms: Piece::built_in().length().as_millis() },
        formats: formats.to_vec(),
        limits: MusicLimits {
            files: MOST_FILES,
            bytes: LARGEST_FILE,
            bytes_in_a_request: LONGEST_BODY,
            shortest_ms: SHORTEST.as_millis(),
            longest_ms: LONGEST.as_millis(),
        },
        loudness_lufs: music::TARGET_LUFS,
    }))
}

pub(super) async fn files<M: KeepMusic>(store: &M, request: &Request, now_ms: u64) -> PortResult<Response> {
    if request.method == Method::POST {
        return add(store, request, now_ms).await;
    }
    Ok(Response::json(&MusicFiles { files: store.music_files().await? }))
}

pub(super) async fn file<M: KeepMusic>(store: &M, request: &Request, id: &MusicId) -> PortResult<Response> {
    let answer = if request.method == Method::DELETE {
        store.delete_music(id).await.map(|()| Response::empty(StatusCode::NO_CONTENT))
    } else {
        store.listen(id, LONGEST_BODY).await.map(sound)
    };
    match answer {
        Err(PortError::Gone) => Ok(Response::not_found()),
        answer => answer,
    }
}

pub(super) async fn uploads<M: KeepMusic>(store: &M, request: &Request) -> PortResult<Response> {
    let Ok(WantsUpload { bytes }) = serde_json::from_slice(&request.body) else {
        return Ok(Response::problem(StatusCode::BAD_REQUEST, "what is wanted is {\"bytes\": the file's size}"));
    };
    if bytes == 0 || bytes > LARGEST_FILE {
        let fault = if bytes == 0 { ImportError::Empty } else { ImportError::TooLarge };
        return Ok(refusal(fault));
    }
    let upload = store.open_upload(bytes).await?;
    let answer = Upload {
        upload: upload.id,
        put: upload.url,
        expires_in_s: upload.expires_in.as_secs(),
        then: "POST /hold-music/files with {\"upload\": …, \"title\": …}",
    };
    Ok(Response::json(&answer).status(StatusCode::CREATED))
}

async fn add<M: KeepMusic>(store: &M, request: &Request, now_ms: u64) -> PortResult<Response> {
    if store.music_files().await?.len() >= MOST_FILES {
        let detail = format!("there are {MOST_FILES} files already; delete one first");
        return Ok(Response::problem(StatusCode::CONFLICT, &detail));
    }
    let kind = request.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let (file, named) = match kind {
        _ if kind.starts_with("multipart/") => {
            let detail = "send the file itself as the body, and its title as ?title=";
            return Ok(Response::problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        _ if kind.starts_with("application/json") => match uploaded(store, request).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        },
        _ if request.body.len() as u64 > LONGEST_BODY => {
            let detail = "too large for a request; POST /hold-music/uploads says where to put it";
            return Ok(Response::problem(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        _ => (request.body.clone(), title_of(&request.query)),
    };
    match imported(file).await {
        Ok(import) => keep(store, import, title(&named), now_ms).await,
        Err(fault) => Ok(refusal(fault)),
    }
}

async fn uploaded<M: KeepMusic>(store: &M, request: &Request) -> PortResult<Result<(Vec<u8>, String), Response>> {
    let body: Option<FromUpload> = serde_json::from_slice(&request.body).ok();
    let Some((id, body)) = body.and_then(|body| Some((upload_id(&body.upload)?, body))) else {
        let detail = "what is wanted is {\"upload\": …, \"title\": …}, or an audio file";
        return Ok(Err(Response::problem(StatusCode::BAD_REQUEST, detail)));
    };
    match store.take_upload(&id, LARGEST_FILE).await {
        Ok(Uploaded::File(file)) => Ok(Ok((file, body.title))),
        Ok(Uploaded::TooLarge) => Ok(Err(refusal(ImportError::TooLarge))),
        Err(PortError::Gone) => {
            let detail = "nothing was put there, or it was used already";
            Ok(Err(Response::problem(StatusCode::NOT_FOUND, detail)))
        }
        Err(error) => Err(error),
    }
}

/// Beside whatever else is going on. What makes a decoder panic is a broken file.
async fn imported(file: Vec<u8>) -> Result<Import, ImportError> {
    let deadline = Instant::now() + PATIENCE;
    let import = tokio::task::spawn_blocking(move || import(file, deadline)).await;
    import.unwrap_or_else(|error| {
        tracing::error!(code = "import_panicked", %error);
        Err(ImportError::Unknown)
    })
}

async fn keep<M: KeepMusic>(store: &M, import: Import, title: Option<String>, now_ms: u64) -> PortResult<Response> {
    let Import { mulaw, source, loudness_lufs, gain_db } = import;
    let file = MusicFile {
        id: id_of(&mulaw),
        title: title.unwrap_or_else(|| "untitled".to_owned()),
        length_ms: mulaw.len() as u64 / 8,
        uploaded_at_ms: now_ms,
        source,
        loudness_lufs,
        gain_db,
    };
    store.put_music(&file, mulaw).await?;
    tracing::info!(music = %file.id, length_ms = file.length_ms, "hold music added");
    Ok(Response::json(&file).status(StatusCode::CREATED))
}

fn refusal(fault: ImportError) -> Response {
    let status = match fault {
        ImportError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::Other(_) | ImportError::Unknown | ImportError::Codec => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ImportError::Empty
        | ImportError::Broken(_)
        | ImportError::Rate(_)
        | ImportError::Channels(_)
        | ImportError::TooShort
        | ImportError::TooLong
        | ImportError::Silent
        | ImportError::TooSlow => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Response::problem(status, &fault.to_string())
}

fn title_of(query: &str) -> String {
    let title = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "title");
    title.map(|(_, title)| title.into_owned()).unwrap_or_default()
}
