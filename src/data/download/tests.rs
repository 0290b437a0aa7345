//! Downloads from a server on this machine that answers each request as it is told.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const FILE: Download = Download { name: "numbers.gz", md5: "12808f4d90a07ec63c617ac251dd80bf" };
const CONTENTS: &[u8] = b"1 2 3 4 5 6 7 8 9\n";
/// Longer than a busy machine needs to answer itself.
const PATIENCE: Duration = Duration::from_secs(20);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

enum Answer {
    /// This status, body, and length in the header.
    Send(&'static str, Vec<u8>, usize),
    /// Nothing, for this long.
    Silence(Duration),
}

fn whole(body: Vec<u8>) -> Answer {
    let length = body.len();
    Answer::Send("200 OK", body, length)
}

/// A server that gives these answers, one a connection, and then refuses connections.
fn serve(answers: Vec<Answer>) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            match answer {
                Answer::Send(status, body, length) => {
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                    );
                    // The client may have gone away on purpose; the test judges what it says.
                    let _ =
                        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                }
                Answer::Silence(time) => thread::sleep(time),
            }
        }
    });
    format!("http://{address}/mnist/")
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    format!("http://{}/", listener.local_addr().expect("bound"))
}

/// Fetches [`FILE`] and lists the names of what is in the folder afterwards.
fn fetch(urls: &[String]) -> (Result<()>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mirrors =
        Mirrors { urls, patience: PATIENCE, progress: false, otherwise: "give mnist:DIR" };
    let result = mirrors.fetch(&FILE, folder.path());
    let names: Vec<String> = folder
        .path()
        .read_dir()
        .expect("still there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    if result.is_ok() {
        let stored = std::fs::read(folder.path().join(FILE.name)).expect("stored");
        assert_eq!(stored, gzip(CONTENTS));
    }
    (result, names)
}

/// The message of a failed download, after checking that it left no file.
fn failure(urls: &[String]) -> (String, String) {
    let (result, names) = fetch(urls);
    assert!(names.is_empty(), "left {names:?}");
    match result {
        Err(Error::Download { url, what }) => (url, what),
        other => panic!("expected a download error, got {other:?}"),
    }
}

#[test]
fn the_right_bytes_are_stored_under_the_right_name() {
    let (result, names) = fetch(&[serve(vec![whole(gzip(CONTENTS))])]);
    result.expect("the server is fine");
    assert_eq!(names, [FILE.name]);
}

#[test]
fn the_second_mirror_is_used_when_the_first_fails() {
    let good = || serve(vec![whole(gzip(CONTENTS))]);
    let lost = serve(vec![Answer::Send("404 Not Found", Vec::new(), 0)]);
    let wrong = serve(vec![whole(gzip(b"something else"))]);
    for first in [lost, wrong, nobody()] {
        let (result, names) = fetch(&[first, good()]);
        result.expect("the second server is fine");
        assert_eq!(names, [FILE.name]);
    }
}

#[test]
fn wrong_contents_are_an_error_that_names_the_url() {
    let base = serve(vec![whole(gzip(b"something else"))]);
    let (url, what) = failure(std::slice::from_ref(&base));
    assert_eq!(url, format!("{base}{}", FILE.name));
    assert!(what.contains("wrong contents") && what.contains(FILE.md5), "{what}");
}

#[test]
fn a_page_in_place_of_the_file_is_an_error() {
    let (_, what) = failure(&[serve(vec![whole(b"<html>log in first</html>".to_vec())])]);
    assert!(what.contains("not a whole gzip"), "{what}");
}

#[test]
fn a_transfer_that_breaks_off_is_an_error() {
    let mut body = gzip(CONTENTS);
    let length = body.len();
    body.truncate(length / 2);
    let (_, what) = failure(&[serve(vec![Answer::Send("200 OK", body, length)])]);
    assert!(what.contains("broke off"), "{what}");
}

#[test]
fn too_large_an_offer_is_refused_unread() {
    let length = MAX_RESPONSE as usize + 1;
    let (_, what) = failure(&[serve(vec![Answer::Send("200 OK", gzip(CONTENTS), length)])]);
    assert!(what.contains("more than"), "{what}");
}

#[test]
fn a_refused_connection_says_what_to_do() {
    let (first, second) = (nobody(), nobody());
    let (url, what) = failure(&[first.clone(), second.clone()]);
    assert!(url.starts_with(&second), "{url}");
    assert!(what.contains(&first) && what.ends_with("give mnist:DIR"), "{what}");
}

#[test]
fn a_silent_server_is_given_up() {
    let urls = [serve(vec![Answer::Silence(PATIENCE)])];
    let patience = Duration::from_millis(200);
    let mirrors = Mirrors { urls: &urls, patience, progress: false, otherwise: "" };
    let folder = tempfile::tempdir().expect("a folder");
    let start = Instant::now();
    let error = mirrors.fetch(&FILE, folder.path()).expect_err("nothing was sent").to_string();
    assert!(error.contains("timeout"), "{error}");
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}
