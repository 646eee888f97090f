//! An HTTP server of a few lines, for what no emulator does.

use axum::Router;
use tokio::net::TcpListener;
use url::Url;

/// Serves until the test ends.
pub(crate) async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}
