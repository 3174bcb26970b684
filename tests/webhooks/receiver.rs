//! Receivers of webhooks, as many as there are paths on one port: good ones that keep what they get, and evil ones. They
//! share no code with the hub.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// How a receiver behaves once its challenge is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Good,
    Status(u16),
    Hang,
    Drip,
    Redirect,
    Endless,
    Bomb,
    Cut,
}

/// A delivery as received.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }
}

#[derive(Default)]
struct State {
    manners: Mutex<HashMap<String, Manner>>,
    received: Mutex<Vec<Received>>,
    held: AtomicUsize,
}

/// Receivers on one port.
pub struct Receivers {
    pub port: u16,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

impl Receivers {
    pub fn start() -> Receivers {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state = Arc::new(State::default());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = state.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move { drop(serve(BufStream::new(stream), &state).await) });
            }
        });
        Receivers { port, state, _runtime: runtime }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn behave(&self, path: &str, manner: Manner) {
        self.state.manners.lock().unwrap().insert(format!("/{path}"), manner);
    }

    /// What a path has got, in order; challenges are not counted.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let all = self.state.received.lock().unwrap();
        all.iter().filter(|received| received.path == format!("/{path}")).cloned().collect()
    }

    pub fn count(&self, path: &str) -> usize {
        let all = self.state.received.lock().unwrap();
        all.iter().filter(|received| received.path == format!("/{path}")).count()
    }

    /// Connections an evil receiver holds without an answer now.
    pub fn held(&self) -> usize {
        self.state.held.load(Ordering::SeqCst)
    }
}

/// Waits for something, up to a minute.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn serve(mut stream: BufStream<TcpStream>, state: &State) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8(body).unwrap();
        let event: Value = serde_json::from_str(&body).unwrap_or_default();
        if event["type"] == "subscription.challenge" {
            let answer = event["data"]["challenge"].as_str().unwrap().to_owned();
            reply(&mut stream, "200 OK", "", &answer).await?;
            continue;
        }
        let manner = state.manners.lock().unwrap().get(&path).copied().unwrap_or(Manner::Good);
        state.received.lock().unwrap().push(Received { path, headers, body });
        match manner {
            Manner::Good => reply(&mut stream, "204 No Content", "", "").await?,
            Manner::Status(status) => reply(&mut stream, &format!("{status} No"), "", "no").await?,
            Manner::Redirect => reply(&mut stream, "307 Over There", "location: /canary\r\n", "").await?,
            Manner::Cut => return Ok(()),
            Manner::Hang | Manner::Drip => return hold(stream, state, manner == Manner::Drip).await,
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n").await?;
                loop {
                    stream.write_all(&[b'x'; 4096]).await?;
                    stream.flush().await?;
                }
            }
            Manner::Bomb => {
                let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                std::io::Write::write_all(&mut zeros, &vec![0; 32 << 20])?;
                let bomb = zeros.finish()?;
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&bomb).await?;
                stream.flush().await?;
            }
        }
    }
}

/// Answers nothing, or a byte of a head now and then, until the hub gives up.
async fn hold(mut stream: BufStream<TcpStream>, state: &State, drip: bool) -> std::io::Result<()> {
    state.held.fetch_add(1, Ordering::SeqCst);
    let mut head = b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'y'));
    let mut byte = [0; 1];
    loop {
        tokio::select! {
            gone = stream.read(&mut byte) => if !matches!(gone, Ok(1)) { break },
            () = tokio::time::sleep(Duration::from_millis(200)), if drip => {
                if stream.write_all(&[*head.next().unwrap()]).await.is_err() || stream.flush().await.is_err() {
                    break;
                }
            }
        }
    }
    state.held.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

async fn reply(stream: &mut BufStream<TcpStream>, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await
}
