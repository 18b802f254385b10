//! TLS as hostile peers speak it: any version, any certificate, any address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_util::rt::TokioIo;
use muster_common::identity::{AgentId, Identity, Serial};
use rcgen::{
    CertificateParams, CertifiedKey as SelfSigned, DistinguishedName, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::world::{ACCOUNT, World};

/// What the house speaks.
static NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A chain and its key.
pub(super) struct Shown {
    pub chain: Vec<Vec<u8>>,
    pub key: KeyPair,
}

/// How a peer comes along.
pub(super) struct Dress<'a> {
    pub versions: &'a [&'static SupportedProtocolVersion],
    pub alpn: &'a [&'a [u8]],
    pub shown: Option<&'a Shown>,
}

impl Shown {
    /// Whether the two belong together or not.
    fn certified(&self) -> Arc<CertifiedKey> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a key");
        let chain = self
            .chain
            .iter()
            .cloned()
            .map(CertificateDer::from)
            .collect();
        Arc::new(CertifiedKey::new(chain, key))
    }
}

impl Default for Dress<'_> {
    fn default() -> Self {
        Self {
            versions: NEW,
            alpn: &[b"h2"],
            shown: None,
        }
    }
}

impl Dress<'_> {
    pub(super) fn config(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.versions)
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible));
        let mut config = match self.shown {
            Some(shown) => builder.with_client_cert_resolver(Arc::new(Always(shown.certified()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        config
    }

    /// Whether the server takes the connection: it greets with its settings.
    pub(super) async fn is_let_in(&self, address: SocketAddr) -> bool {
        is_let_in(address, self.config()).await
    }
}

pub(super) async fn is_let_in(address: SocketAddr, config: ClientConfig) -> bool {
    match connect(address, Arc::new(config)).await {
        Ok(stream) => greeted(stream).await.is_ok(),
        Err(_) => false,
    }
}

pub(super) async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    TlsConnector::from(config).connect(name, stream).await
}

/// Says the client's part of the HTTP/2 greeting and waits for the server's.
pub(super) async fn greeted(mut stream: TlsStream<TcpStream>) -> io::Result<TlsStream<TcpStream>> {
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await?;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    // A frame of settings.
    if head[3] == 4 {
        Ok(stream)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// A stranger's channel from another address of the loopback.
pub(super) async fn channel_from(own: Ipv4Addr, address: SocketAddr) -> Channel {
    let tls = TlsConnector::from(Arc::new(Dress::default().config()));
    let connector = service_fn(move |_| {
        let tls = tls.clone();
        async move {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((own, 0)))?;
            let stream = socket.connect(address).await?;
            let name = ServerName::from(address.ip());
            tls.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an endpoint");
    endpoint
        .connect_with_connector(connector)
        .await
        .expect("a connection")
}

/// A key of the house that signs, as only a broken house would let it: `agents`, `operators` or `servers`.
pub(super) fn stolen_root(world: &World, root: &str) -> (Issuer<'static, KeyPair>, Vec<u8>) {
    let folder = world.config.data_dir.join("authority");
    let read = |end: &str| {
        std::fs::read_to_string(folder.join(format!("{root}-1.{end}"))).expect("a root")
    };
    let key = KeyPair::from_pem(&read("key")).expect("a key");
    let certificate = read("crt");
    let der = muster_mtls::pem_certificates(&certificate)
        .expect("a certificate")
        .remove(0);
    (
        Issuer::from_ca_cert_pem(&certificate, key).expect("an issuer"),
        der,
    )
}

/// What the house would certify an agent with.
pub(super) fn agents_leaf(world: &World) -> CertificateParams {
    let id = world.domain().id(Identity::Agent {
        account: ACCOUNT.parse().unwrap(),
        agent: AgentId::random(),
    });
    leaf_of(&id.to_string())
}

pub(super) fn leaf_of(uri: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(Serial::random().as_bytes()));
    params.not_before = OffsetDateTime::now_utc() - Duration::minutes(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::hours(1);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
    params
}

/// Signs a leaf with a root, and shows both.
pub(super) fn signed(
    params: &CertificateParams,
    (issuer, root): &(Issuer<'static, KeyPair>, Vec<u8>),
) -> Shown {
    let key = KeyPair::generate().expect("a key");
    let leaf = params.signed_by(&key, issuer).expect("a certificate");
    Shown {
        chain: vec![leaf.der().to_vec(), root.clone()],
        key,
    }
}

/// An HTTPS server with a certificate that nobody vouches for. It counts requests.
pub(super) async fn https(own: &SelfSigned<KeyPair>) -> (String, Arc<AtomicUsize>) {
    let chain = vec![own.cert.der().clone()];
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("https://{}", socket.local_addr().expect("an address"));
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && stream.read(&mut [0; 1]).await.is_ok_and(|read| read > 0)
            {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (endpoint, served)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Shows one certificate to every server.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes every server for the right one.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
