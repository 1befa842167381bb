//! A TLS server with a certificate that it has signed itself, made on the spot: X.509 (RFC 5280) by
//! hand, because so little of it is needed.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::install_ring;

pub struct Server {
    pub url: String,
    /// What a client has to trust to trust the server.
    pub root: reqwest::Certificate,
    /// The same as a file.
    pub pem: String,
}

type Secured = StreamOwned<ServerConnection, TcpStream>;

/// Answers everybody with 204, on 127.0.0.1, with a certificate for `address`.
pub fn serve(address: &str) -> Server {
    serve_with(address, &[], answer)
}

/// The same with the certificate of an authority: `openssl req -x509` makes such a one.
pub fn serve_as_authority(address: &str) -> Server {
    let constraints = sequence(&[&der(0x01, &[b"\xff"])]); // cA
    let extension = sequence(&[&oid(b"\x55\x1d\x13"), &der(0x04, &[&constraints])]);
    serve_with(address, &extension, answer)
}

/// Reads a request and then says something that is not encrypted as it should be.
pub fn serve_garbled() -> Server {
    serve_with("127.0.0.1", &[], |stream| {
        if stream.read(&mut [0; 4096]).is_ok() {
            let _ = stream.sock.write_all(b"\x17\x03\x03\x00\x18twenty-four clear letters");
        }
    })
}

fn serve_with(address: &str, extension: &[u8], answer: fn(&mut Secured)) -> Server {
    install_ring();
    let (certificate, key) = certificate_for(address.parse().unwrap(), extension);
    let root = reqwest::Certificate::from_der(&certificate).unwrap();
    let pem = pem(&certificate);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(&mut StreamOwned::new(connection, stream.unwrap()));
        }
    });
    Server { url, root, pem }
}

/// Whether the client stays for the answer is its own business.
fn answer(stream: &mut Secured) {
    if stream.read(&mut [0; 4096]).is_ok() {
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
}

fn certificate_for(address: IpAddr, further: &[u8]) -> (Vec<u8>, PrivatePkcs8KeyDer<'static>) {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();

    let algorithm = sequence(&[&oid(b"\x2a\x86\x48\xce\x3d\x04\x03\x02")]); // ecdsa-with-SHA256
    let name = sequence(&[&der(
        0x31,
        &[&sequence(&[&oid(b"\x55\x04\x03"), &der(0x0c, &[b"self-signed"])])], // commonName
    )]);
    let validity = sequence(&[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])]);
    let public_key = sequence(&[
        // id-ecPublicKey, prime256v1
        &sequence(&[
            &oid(b"\x2a\x86\x48\xce\x3d\x02\x01"),
            &oid(b"\x2a\x86\x48\xce\x3d\x03\x01\x07"),
        ]),
        &bits(key.public_key().as_ref()),
    ]);
    let IpAddr::V4(address) = address else { panic!("an IPv4 address") };
    let names = sequence(&[&der(0x87, &[&address.octets()])]);
    let extension = sequence(&[&oid(b"\x55\x1d\x11"), &der(0x04, &[&names])]); // subjectAltName
    let certificate = sequence(&[
        &der(0xa0, &[&der(0x02, &[b"\x02"])]), // version 3
        &der(0x02, &[b"\x01"]),                // serial number
        &algorithm,
        &name,
        &validity,
        &name,
        &public_key,
        &der(0xa3, &[&sequence(&[&extension, further])]),
    ]);
    let signature = key.sign(&random, &certificate).unwrap();
    let signed = sequence(&[&certificate, &algorithm, &bits(signature.as_ref())]);
    (signed, pkcs8.as_ref().to_vec().into())
}

/// As `openssl x509 -text` writes it, with words for people before it.
fn pem(certificate: &[u8]) -> String {
    let base64 = STANDARD.encode(certificate);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    format!("Certificate:\n    Data:\n{begin}\n{}\n{end}\n", lines.join("\n"))
}

/// One DER element: tag, length, content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, short @ ..0x80] => vec![short],
        [0, long] => vec![0x81, long],
        [high, low] => vec![0x82, high, low],
    };
    [vec![tag], length, content].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    der(0x06, &[bytes])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    der(0x03, &[b"\0", bytes])
}
