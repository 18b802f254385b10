//! Clients that are not ours: gRPC reflection, and a program in Python.

use std::process::Command;

use muster_mtls::{CredentialFile, channel};
use muster_tests::root;
use tokio_stream::StreamExt as _;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::accounts::{ACCOUNT, one};

#[tokio::test]
async fn the_server_describes_itself() {
    let one = one().await;
    let file = CredentialFile::read(&one.admin.credential()).unwrap();
    let (trust, credential) = (file.trust().unwrap(), file.credential().unwrap());
    let channel = channel(
        &file.endpoint,
        &trust,
        &file.trust_domain,
        Some(&credential),
    )
    .await
    .unwrap();
    let mut client = ServerReflectionClient::new(channel);
    let mut ask = async |message| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        let mut answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap()
            .into_inner();
        answers
            .next()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
    };
    let MessageResponse::ListServicesResponse(listed) =
        ask(MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list");
    };
    let names: Vec<String> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for name in [
        "muster.v1.Findings",
        "muster.v1.Members",
        "muster.v1.Insights",
        "grpc.health.v1.Health",
    ] {
        assert!(
            names.iter().any(|listed| listed == name),
            "{name}: {names:?}"
        );
    }
    let symbol = MessageRequest::FileContainingSymbol("muster.v1.Findings".to_owned());
    assert!(matches!(
        ask(symbol).await,
        MessageResponse::FileDescriptorResponse(_)
    ));
}

#[tokio::test]
async fn a_python_program_imports_and_lists_findings() {
    let one = one().await;
    let output = Command::new(root().join(".venv/bin/python"))
        .arg(root().join("tests/clients/findings.py"))
        .arg(one.admin.credential())
        .arg(ACCOUNT)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        "imported: CREATED\nlisted: A finding from Python (HIGH)\n"
    );
    assert_eq!(one.muster.count(&["--keyword", "python"]).await, 1);
}
