//! `--ca-file`: whom the operator trusts beside the system's authorities.

use serde_json::json;

use crate::certificate;
use crate::support::{Trial, condition, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_trusted_where_it_is_given_as_ca_file_and_only_there() {
    let trial = Trial::new("ca-file").await;
    let (server, other) = (certificate::serve("127.0.0.1"), certificate::serve("127.0.0.1"));
    let file = |name: &str, text: &str| {
        let file = trial.control_plane().scratch().join(format!("{}-{name}", trial.namespace));
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let files = [file("other.pem", &other.pem), file("both.pem", &(other.pem + &server.pem))];
    let start =
        |flags: &[&str]| trial.operator_at(&trial.operator_kubeconfig(), &server.url, flags);
    trial.create("demo", json!({})).await;
    for (flags, cause) in [
        (vec![], "nobody who is trusted signed its certificate"),
        (
            vec!["--ca-file", &files[0]],
            "names an authority that is trusted, which has not signed it",
        ),
    ] {
        let operator = start(&flags);
        until(&format!("the object to say that {cause}"), async || {
            let object = trial.shares().get("demo").await.ok()?;
            let ready = condition(&object, "Ready")?;
            (ready.reason == "TlsFailed" && ready.message.contains(cause)).then_some(())
        })
        .await;
        assert_eq!(operator.terminate().await, Some(0));
    }
    // It answers everything with 204, which a create takes for a success.
    let _operator = start(&["--ca-file", &files[1]]);
    trial.create("fresh", json!({"account": "other"})).await;
    trial.until_reason("fresh", "Shared").await;
}
