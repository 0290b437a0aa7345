//! A browser that shows pages of a test, and says what they have to say.
// Each test file compiles this for itself and none uses all of it.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde_json::Value;

/// What is served, by its path: its kind and its text.
pub type Pages = HashMap<String, (&'static str, String)>;

/// Shows a browser the page at `/`, and waits for what it posts to `/said`.
pub fn said(pages: Pages, patience: Duration) -> Value {
    let profile = tempfile::tempdir().expect("a folder for the browser");
    let (address, said) = serve(pages);
    let browser = Browser::open(&address, profile.path());
    let said = said.recv_timeout(patience).expect("the browser says nothing");
    drop(browser);
    said
}

/// Answers one request: a page, or thanks for what a page has to say.
fn answer(stream: TcpStream, pages: &Pages, said: &Sender<Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if path == "/said" {
        let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        // Nobody may be waiting any more.
        let _ = said.send(value);
    }
    let (kind, text) =
        pages.get(&path).map_or(("text/plain", ""), |(kind, text)| (kind, text.as_str()));
    let size = text.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close"
    );
    (&stream).write_all(format!("{head}\r\n\r\n{text}").as_bytes())
}

/// Serves pages on a port of this machine, which browsers take for safe enough for WebGPU; the address, and
/// what the pages say.
fn serve(pages: Pages) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What a browser breaks off it asks for again.
            let _ = answer(stream, &pages, &sender);
        }
    });
    (format!("http://{address}/"), receiver)
}

/// A browser that is ended with the test.
struct Browser(Child);

impl Browser {
    fn open(address: &str, profile: &Path) -> Self {
        let options = [
            "--headless",
            "--no-sandbox",
            "--no-first-run",
            "--disable-extensions",
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
        ];
        let open = |name: &&str| {
            let mut command = Command::new(name);
            command.args(options).arg(format!("--user-data-dir={}", profile.display()));
            // Without a port for debuggers it ends as soon as the page is there.
            command.args(["--remote-debugging-port=0", address]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        };
        let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        let child = names.iter().find_map(open);
        Self(child.expect("no Chromium or Chrome was found; install chromium, as tests/run does"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
