//! A TCP server that says exactly what it is told to say, and remembers exactly what it heard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Raw {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// Reads one request from each connection, then hands it over to `answer`.
    pub async fn start<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = hear(&mut stream).await;
                hearing.lock().unwrap().push(request);
                tokio::spawn(answer(stream));
            }
        });
        Self { address, heard }
    }

    /// Says the same on each connection, and closes it.
    pub async fn saying(text: impl Into<Vec<u8>>) -> Self {
        let text = Arc::new(text.into());
        Self::start(move |mut stream| {
            let text = Arc::clone(&text);
            async move { say(&mut stream, &text).await }
        })
        .await
    }

    /// Says something, then nothing more, with the connection open. The clock is paused from then
    /// on: with nothing left to do, it moves to whatever ends the wait, and no test sits it out.
    pub async fn falling_silent_after(text: impl Into<Vec<u8>>) -> Self {
        let text = Arc::new(text.into());
        Self::start(move |mut stream| {
            let text = Arc::clone(&text);
            async move {
                say(&mut stream, &text).await;
                tokio::time::pause();
                std::future::pending::<()>().await;
            }
        })
        .await
    }

    /// `http://<host>:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, byte for byte.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Writes it all; that the other side has gone meanwhile is its own business.
pub async fn say(stream: &mut TcpStream, text: &[u8]) {
    let _ = stream.write_all(text).await;
}

/// An answer after which the connection ends. `headers` is empty, or lines that end with CRLF.
pub fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Whatever\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Reads one request, or what there is of it before the other side ends.
async fn hear(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
