//! How a task speaks with the ECS that runs it.

use std::time::Duration;

use reqwest::Client;

/// Plain HTTP to a link-local address: no proxy, and no certificates to be loaded.
pub(super) fn client(timeout: Duration) -> reqwest::Result<Client> {
    Client::builder().timeout(timeout).no_proxy().tls_certs_only([]).build()
}
