//! The embedded services, set up and listening.

use std::fs;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::Data;
use super::sigv4::AccessKey;
use super::stack::{BUCKET, REGION, TABLE};
use super::weather::{self, Weather};
use super::{StartError, dynamodb, listen, names, s3, serve, store};

/// The weather at each service.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    pub dynamodb: Weather,
    pub s3: Weather,
}

#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) key: AccessKey,
    pub(crate) logs: PathBuf,
    pub(crate) objects: PathBuf,
    /// Of DynamoDB, and of what stands before it if there is weather.
    dynamodb_ports: (u16, Option<u16>),
    s3_port: u16,
    weather: Option<Forecast>,
    stopping: CancellationToken,
    tasks: TaskTracker,
    _folder: Option<TemporaryFolder>,
}

impl Services {
    pub(crate) async fn start(data: &Data, weather: bool) -> Result<Self, StartError> {
        let (folder, temporary) = match data {
            Data::Folder(folder) => (folder.clone(), None),
            Data::Temporary => temporary_folder()?,
        };
        let (logs, objects) = (made(&folder.join("logs"))?, made(&folder.join("s3"))?);
        let (dynamodb, s3) = (listen(0).await?, listen(0).await?);
        let mut services = Self {
            key: AccessKey::random()?,
            logs,
            objects,
            dynamodb_ports: (port(&dynamodb)?, None),
            s3_port: port(&s3)?,
            weather: weather.then(Forecast::default),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            _folder: temporary,
        };
        let file = folder.join("dynamodb.sqlite");
        services.listen_to(dynamodb, s3, services._folder.is_none().then_some(file.as_path()))?;
        services.set_up().await?;
        services.stand_before_dynamodb().await?;
        Ok(services)
    }

    /// Where the processes find it.
    pub(crate) fn dynamodb_url(&self) -> String {
        let (within, before) = self.dynamodb_ports;
        format!("http://127.0.0.1:{}", before.unwrap_or(within))
    }

    /// Where it is whatever the weather.
    pub(crate) fn calm_dynamodb_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.dynamodb_ports.0)
    }

    pub(crate) fn weather(&self) -> Option<&Forecast> {
        self.weather.as_ref()
    }

    /// By address, not by name: that makes the SDK put the bucket in the path.
    pub(crate) fn s3_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.s3_port)
    }

    pub(crate) fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(self.key.credentials()))
            .build()
    }

    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn listen_to(&self, dynamodb: TcpListener, s3: TcpListener, file: Option<&Path>) -> Result<(), StartError> {
        let database = dynamodb::open(file).map_err(|error| StartError::DynamoDb(error.to_string()))?;
        dynamodb::serve(database, dynamodb, &self.tasks, self.stopping.clone());
        let router = s3::router(&self.objects, &self.key).map_err(|error| StartError::S3(format!("{error:?}")))?;
        let router = match &self.weather {
            Some(weather) => weather::over_s3(router, weather.s3.clone()),
            None => router,
        };
        serve(s3, router, &self.tasks, self.stopping.clone());
        Ok(())
    }

    async fn stand_before_dynamodb(&mut self) -> Result<(), StartError> {
        let Some(weather) = &self.weather else { return Ok(()) };
        let listener = listen(0).await?;
        let before = port(&listener)?;
        let router = weather::over_dynamodb(self.calm_dynamodb_url(), weather.dynamodb.clone());
        serve(listener, router, &self.tasks, self.stopping.clone());
        self.dynamodb_ports.1 = Some(before);
        Ok(())
    }

    async fn set_up(&self) -> Result<(), StartError> {
        let config = self.sdk_config();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).endpoint_url(self.dynamodb_url()).build();
        store::ensure_table(aws_sdk_dynamodb::Client::from_conf(dynamodb), TABLE).await?;
        let s3 = aws_sdk_s3::config::Builder::from(&config).endpoint_url(self.s3_url()).build();
        store::ensure_bucket(&aws_sdk_s3::Client::from_conf(s3), BUCKET).await
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Is removed when it is dropped.
#[derive(Debug)]
struct TemporaryFolder(PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder stays");
        }
    }
}

fn temporary_folder() -> Result<(PathBuf, Option<TemporaryFolder>), StartError> {
    let folder = std::env::temp_dir().join(format!("voicebridge-{:016x}", names::seed()?));
    let folder = made(&folder)?;
    Ok((folder.clone(), Some(TemporaryFolder(folder))))
}

/// Absolute, because processes and libraries have ideas of their own about the current folder.
fn made(folder: &Path) -> Result<PathBuf, StartError> {
    let failed = |source| StartError::Folder { what: folder.display().to_string(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    folder.canonicalize().map_err(failed)
}

pub(crate) fn port(listener: &TcpListener) -> Result<u16, StartError> {
    listener.local_addr().map(|address| address.port()).map_err(|source| StartError::Port { port: 0, source })
}
