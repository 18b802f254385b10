//! M01 to M06, M11: who gets through the handshake. Certificates are signed by the house's own roots where the point is
//! that even then they are not let in.

use std::net::SocketAddr;
use std::sync::Arc;

use muster_common::identity::AgentId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::HandshakeKind;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::tls::{
    Dress, Shown, agents_leaf, connect, greeted, is_let_in, leaf_of, signed, stolen_root,
};
use super::world::{ACCOUNT, World};

async fn takes(address: SocketAddr, shown: &Shown) -> bool {
    let shown = Some(shown);
    Dress {
        shown,
        ..Dress::default()
    }
    .is_let_in(address)
    .await
}

/// A certificate that its own key signed.
fn own_root() -> (Issuer<'static, KeyPair>, Vec<u8>) {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Muster agents root 1");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    (Issuer::new(params, key), der)
}

#[tokio::test]
async fn m01_each_listener_lets_in_its_own_kind_alone() {
    let world = World::start().await;
    let (agents, operators) = (world.addresses().agents, world.addresses().operators);
    let agent = agents_leaf(&world);
    let operator = leaf_of("spiffe://muster.example/operator/root");
    let admin = leaf_of("spiffe://muster.example/admin");
    let [agents_root, operators_root, servers_root] =
        ["agents", "operators", "servers"].map(|name| stolen_root(&world, name));
    let other_root = own_root();
    // The controls: the same certificates are let in where they belong.
    assert!(takes(agents, &signed(&agent, &agents_root)).await);
    assert!(takes(operators, &signed(&operator, &operators_root)).await);
    for (number, (address, leaf, root)) in [
        (agents, &operator, &operators_root),
        (agents, &operator, &agents_root),
        (agents, &agent, &operators_root),
        (agents, &agent, &servers_root),
        (agents, &agent, &other_root),
        (agents, &admin, &agents_root),
        (operators, &agent, &agents_root),
        (operators, &agent, &operators_root),
        (operators, &operator, &agents_root),
        (operators, &operator, &other_root),
        (operators, &admin, &operators_root),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(!takes(address, &signed(leaf, root)).await, "{number}");
    }
    for address in [agents, operators] {
        assert!(
            !Dress::default().is_let_in(address).await,
            "nobody at {address}"
        );
    }
    assert!(
        Dress::default()
            .is_let_in(world.addresses().enrollment)
            .await,
        "anybody may enroll"
    );
}

#[tokio::test]
async fn m01_a_certificate_without_its_key_or_by_itself_is_nobodys() {
    let world = World::start().await;
    let root = stolen_root(&world, "agents");
    let agent = agents_leaf(&world);
    let mut stolen = signed(&agent, &root);
    stolen.key = KeyPair::generate().unwrap();
    assert!(!takes(world.addresses().agents, &stolen).await);
    let key = KeyPair::generate().unwrap();
    let alone = Shown {
        chain: vec![agent.self_signed(&key).unwrap().der().to_vec()],
        key,
    };
    assert!(!takes(world.addresses().agents, &alone).await);
}

type Bend = fn(&mut CertificateParams);

#[tokio::test]
async fn m02_a_leaf_of_another_shape_is_refused_even_from_the_right_root() {
    let world = World::start().await;
    let root = stolen_root(&world, "agents");
    let bends: [(&str, Bend); 12] = [
        ("no name", |leaf| leaf.subject_alt_names.clear()),
        ("two names", |leaf| {
            leaf.subject_alt_names.push(SanType::URI(
                "spiffe://muster.example/admin".try_into().unwrap(),
            ))
        }),
        ("the same name twice", |leaf| {
            leaf.subject_alt_names
                .push(leaf.subject_alt_names[0].clone())
        }),
        ("a host's name", |leaf| {
            leaf.subject_alt_names = vec![SanType::DnsName("muster.example".try_into().unwrap())]
        }),
        ("a common name", |leaf| {
            leaf.distinguished_name
                .push(DnType::CommonName, "spiffe://muster.example/operator/root");
            leaf.subject_alt_names.clear();
        }),
        ("an authority", |leaf| {
            leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
        }),
        ("a server's purpose", |leaf| {
            leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]
        }),
        ("another house", |leaf| {
            leaf.subject_alt_names = vec![name("spiffe://other.example", "")]
        }),
        ("a subdomain of the house", |leaf| {
            leaf.subject_alt_names = vec![name("spiffe://x.muster.example", "")]
        }),
        ("expired", |leaf| {
            leaf.not_after = OffsetDateTime::now_utc() - Duration::seconds(2)
        }),
        ("not begun", |leaf| {
            leaf.not_before = OffsetDateTime::now_utc() + Duration::hours(1)
        }),
        ("a serial of another length", |leaf| {
            leaf.serial_number = Some(SerialNumber::from(7_u64))
        }),
    ];
    for (what, bend) in bends {
        let mut leaf = agents_leaf(&world);
        bend(&mut leaf);
        assert!(
            !takes(world.addresses().agents, &signed(&leaf, &root)).await,
            "{what}"
        );
    }
}

fn name(domain: &str, end: &str) -> SanType {
    let agent = AgentId::random();
    SanType::URI(
        format!("{domain}/account/{ACCOUNT}/agent/{agent}{end}")
            .try_into()
            .unwrap(),
    )
}

#[tokio::test]
async fn m03_a_name_in_another_spelling_is_refused() {
    let world = World::start().await;
    let root = stolen_root(&world, "agents");
    let agent = AgentId::random();
    for uri in [
        format!("spiffe://Muster.example/account/{ACCOUNT}/agent/{agent}"),
        format!("SPIFFE://muster.example/account/{ACCOUNT}/agent/{agent}"),
        format!("spiffe://muster.example:443/account/{ACCOUNT}/agent/{agent}"),
        format!("spiffe://x@muster.example/account/{ACCOUNT}/agent/{agent}"),
        format!("spiffe://muster.example//account/{ACCOUNT}/agent/{agent}"),
        format!("spiffe://muster.example/account/{ACCOUNT}/agent/{agent}/"),
        format!("spiffe://muster.example/account/{ACCOUNT}/agent/{agent}?x=1"),
        format!("spiffe://muster.example/account/{ACCOUNT}/agent/{agent}#x"),
        format!("spiffe://muster.example/%61ccount/{ACCOUNT}/agent/{agent}"),
        format!("spiffe://muster.example/x/../account/{ACCOUNT}/agent/{agent}"),
        format!(
            "spiffe://muster.example/account/{ACCOUNT}/agent/{}",
            agent.to_string().to_uppercase()
        ),
        format!("spiffe://muster.example/account/{ACCOUNT}\u{0}/agent/{agent}"),
        format!("https://muster.example/account/{ACCOUNT}/agent/{agent}"),
        "spiffe://muster.example".to_owned(),
    ] {
        let shown = signed(&leaf_of(&uri), &root);
        assert!(!takes(world.addresses().agents, &shown).await, "{uri:?}");
    }
}

#[tokio::test]
async fn m02_an_agent_certifies_nobody() {
    let world = World::start().await;
    let root = stolen_root(&world, "agents");
    let parent = agents_leaf(&world);
    let Shown { chain, key } = signed(&parent, &root);
    let issuer = Issuer::new(parent, key);
    let mut shown = signed(&agents_leaf(&world), &(issuer, chain[0].clone()));
    shown.chain.push(root.1.clone());
    assert!(!takes(world.addresses().agents, &shown).await);
    // Nor does a second authority below the root: it may have none.
    let mut middle = agents_leaf(&world);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let Shown { chain, key } = signed(&middle, &root);
    let issuer = Issuer::new(middle, key);
    let mut shown = signed(&agents_leaf(&world), &(issuer, chain[0].clone()));
    shown.chain.push(root.1);
    assert!(!takes(world.addresses().agents, &shown).await);
}

#[tokio::test]
async fn m04_a_long_chain_or_a_large_certificate_is_refused_unread() {
    let world = World::start().await;
    let root = stolen_root(&world, "agents");
    let mut long = signed(&agents_leaf(&world), &root);
    let filler = long.chain[1].clone();
    long.chain.extend(std::iter::repeat_n(filler, 20));
    assert!(!takes(world.addresses().agents, &long).await);
    for bytes in [17_000, 50_000, 1_000_000] {
        let mut leaf = agents_leaf(&world);
        leaf.distinguished_name
            .push(DnType::CommonName, "x".repeat(bytes));
        assert!(
            !takes(world.addresses().agents, &signed(&leaf, &root)).await,
            "{bytes}"
        );
    }
}

#[tokio::test]
async fn m05_only_http_2_over_tls_1_3_is_spoken() {
    let world = World::start().await;
    let shown = signed(&agents_leaf(&world), &stolen_root(&world, "agents"));
    let addresses = world.addresses();
    for address in [addresses.enrollment, addresses.agents, addresses.operators] {
        let old = Dress {
            versions: &[&rustls::version::TLS12],
            shown: Some(&shown),
            ..Dress::default()
        };
        assert!(
            connect(address, Arc::new(old.config())).await.is_err(),
            "TLS 1.2"
        );
        let others: [&[&[u8]]; 4] = [&[], &[b"http/1.1"], &[b"h2c"], &[b"H2"]];
        for alpn in others {
            let other = Dress {
                shown: Some(&shown),
                alpn,
                ..Dress::default()
            };
            assert!(!other.is_let_in(address).await, "{alpn:?}");
        }
        for plain in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(plain).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            // At most an alert.
            assert!(answer.len() <= 7, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn m06_no_session_is_resumed_and_no_early_data_is_taken() {
    let world = World::start().await;
    let shown = signed(&agents_leaf(&world), &stolen_root(&world, "agents"));
    let mut config = Dress {
        shown: Some(&shown),
        ..Dress::default()
    }
    .config();
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..3 {
        let stream = connect(world.addresses().agents, Arc::clone(&config))
            .await
            .unwrap();
        let stream = greeted(stream).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(session.tls13_tickets_received(), 0);
        assert!(!session.is_early_data_accepted());
    }
}

/// RUSTSEC-2024-0399: a hello in crumbs, or a huge one, does no harm.
#[tokio::test]
async fn m11_a_hello_in_crumbs_or_a_huge_one_does_no_harm() {
    let world = World::start().await;
    let shown = signed(&agents_leaf(&world), &stolen_root(&world, "agents"));
    let dress = Dress {
        shown: Some(&shown),
        ..Dress::default()
    };
    let mut crumbs = dress.config();
    crumbs.max_fragment_size = Some(37);
    assert!(is_let_in(world.addresses().agents, crumbs).await);
    let mut huge = dress.config();
    huge.alpn_protocols
        .extend((0..60_u8).map(|number| vec![number; 255]));
    assert!(is_let_in(world.addresses().agents, huge).await);
    assert!(dress.is_let_in(world.addresses().agents).await);
}
