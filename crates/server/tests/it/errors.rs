//! What is wrong with a request, in Clair's words.

use crate::service::{Service, debian};

#[tokio::test]
async fn requests_that_make_no_sense_are_told_why() {
    let service = Service::start().await;
    let path = service.layer("base", debian(&[("bash", "5.2-1")]));
    let text = service.folder.path().join("text");
    std::fs::write(&text, "this is no tar at all").unwrap();
    let layer = |members: &str| format!("{{\"Layer\":{{{members}}}}}");
    let at = |path: &str| {
        layer(&format!(
            "\"Name\":\"a\",\"Path\":{path:?},\"Format\":\"Docker\""
        ))
    };
    let not_found = "could not find layer";
    for (body, status, message) in [
        ("", 400, "EOF"),
        ("{", 400, "unexpected EOF"),
        ("{}", 400, "failed to provide layer"),
        (
            "[]",
            400,
            "json: cannot unmarshal array into Go value of type v1.LayerEnvelope",
        ),
        (
            &layer(""),
            400,
            "could not process a layer which does not have a name",
        ),
        (
            &layer("\"Name\":\"a\""),
            400,
            "could not process a layer which does not have a path",
        ),
        (
            &layer("\"name\":\"a\",\"PATH\":\"x\""),
            400,
            "could not process a layer which does not have a format",
        ),
        (
            &layer("\"Name\":1"),
            400,
            "json: cannot unmarshal number into Go struct field Layer.Layer.Name of type string",
        ),
        (&at("/nope"), 400, not_found),
        (&at("http://127.0.0.1:9/x"), 400, not_found),
        (&at("http://[::1"), 400, not_found),
        (&at("/dev/zero"), 400, not_found),
        (&at("/tmp"), 422, "tarutil: could not extract the archive"),
        (
            &at(text.to_str().unwrap()),
            422,
            "tarutil: could not extract the archive",
        ),
        (
            &layer("\"Name\":\"a\",\"Path\":\"/nope\",\"Format\":\"Docker\",\"ParentName\":\"b\""),
            400,
            "worker: parent layer is unknown, it must be processed first",
        ),
        (
            &layer(&format!(
                "\"Name\":\"a\",\"Path\":{path:?},\"Format\":\"Foo\""
            )),
            400,
            "unsupported image format 'Foo'",
        ),
        (
            &layer(&format!(
                "\"Name\":\"{}\",\"Path\":{path:?},\"Format\":\"Docker\"",
                "n".repeat(129)
            )),
            400,
            "the layer's name is longer than 128 characters or holds a NUL",
        ),
    ] {
        let answer = service.ask("POST", "/v1/layers", body).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (status, message),
            "{body}"
        );
        assert_eq!(service.get("/v1/layers/a").await.status, 404, "{body}");
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_a_mebibyte() {
    let service = Service::start().await;
    let long = format!("{{\"Layer\":{{\"Name\":\"{}\"}}}}", "n".repeat(2 << 20));
    let answer = service.ask("POST", "/v1/layers", &long).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "unexpected EOF")
    );
}

#[tokio::test]
async fn deep_bodies_and_long_heads_are_refused_and_the_next_request_is_answered() {
    let service = Service::start().await;
    for body in ["[".repeat(500_000), "{\"Layer\":".repeat(50_000)] {
        let answer = service.ask("POST", "/v1/layers", &body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let long = format!("/v1/namespaces?x={}", "x".repeat(70_000));
    let answer = service.ask("GET", &long, "").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(service.get("/v1/namespaces").await.status, 200);
}

#[tokio::test]
async fn paths_and_methods_are_routed_as_by_clair() {
    let service = Service::start().await;
    for (method, target, status) in [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
        ("GET", "/V1/namespaces", 404),
        ("GET", "/v1x/namespaces", 404),
        ("GET", "/v1/layers/a%2Fb", 404),
        ("GET", "/v1/layers", 405),
        ("OPTIONS", "/v1/layers", 405),
        ("HEAD", "/v1/namespaces", 405),
        ("PATCH", "/v1/layers/x", 405),
        ("GET", "/v1/namespaces/x/vulnerabilities/y/fixes/z", 405),
        ("GET", "/v1/layers/x/", 301),
        ("POST", "/v1/layers/", 307),
    ] {
        let answer = service.ask(method, target, "").await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert!(!answer.headers.contains_key("server"), "{method} {target}");
    }
    let moved = service.get("/v1//LAYERS/a%3Cb/?features").await;
    assert_eq!(moved.headers["location"], "/v1/layers/a%3Cb?features");
    let text = service.get("/nope").await;
    assert_eq!(text.body, "404 page not found\n");
    assert_eq!(text.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn answers_are_compressed_when_gzip_is_named_at_all() {
    let service = Service::start().await;
    for (accept, is_zipped) in [("gzip", true), ("gzip;q=0, identity", true), ("br", false)] {
        let header = format!("Accept-Encoding: {accept}\r\n");
        let answer = service
            .ask_with("GET", "/v1/layers/none", &header, "")
            .await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.headers.contains_key("content-encoding"),
            is_zipped,
            "{accept}"
        );
    }
}
