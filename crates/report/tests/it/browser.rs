//! The page in a real browser: filter, sort, open a layer, and nothing that runs but its own script.
//! Skipped, with a printed line, where there is no chromedriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pellucid_model::{Finding, Severity};
use pellucid_report::{Report, Style};
use serde_json::{Value, json};

use crate::hostile::PAYLOADS;
use crate::sample::{shown, suppressed};

/// A browser, spoken to as WebDriver says (W3C), over plain HTTP.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one; `None` where there is none.
    fn start() -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = driver else {
            println!("skipped: there is no chromedriver");
            return None;
        };
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("successfully on port ")?
                    .1
                    .trim_end_matches('.')
                    .parse()
                    .ok()
            })
            .unwrap();
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1200,1000",
        ];
        let options =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let answer = browser.request("POST", "/session", &options);
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut head = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            head.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        head.read_exact(&mut body).unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(
            answer["value"].get("error").is_none(),
            "{method} {path}: {answer}"
        );
        answer["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Opens the page of a report.
    fn open(&self, report: &Report, name: &str) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, shown(report, "html", Style::default())).unwrap();
        self.post(
            "/url",
            &json!({"url": format!("file://{}", path.display())}),
        );
    }

    fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found.as_object().unwrap().values().next().unwrap();
        id.as_str().unwrap().to_owned()
    }

    fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// The ids of the findings that are shown, in order.
    fn shown(&self) -> Vec<String> {
        let rows = self.run(
            "return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent)\
             .map(row => row.cells[1].textContent)",
        );
        serde_json::from_value(rows).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.request("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The sample with a package and a finding for each payload.
fn hostile() -> Report {
    let mut report = suppressed();
    let entry = report.inventory.packages[0].clone();
    let assessment = report.assessment.as_mut().unwrap();
    let finding = assessment.findings[0].clone();
    assessment.findings.clear();
    for (number, payload) in PAYLOADS.iter().enumerate() {
        let mut entry = entry.clone();
        entry.package.name = (*payload).to_owned();
        entry.package.version = (*payload).to_owned();
        entry.locations[0].path = (*payload).to_owned();
        let package = report.inventory.packages.len();
        report.inventory.packages.push(entry);
        assessment.findings.push(Finding {
            package,
            id: format!("CVE-2024-{number:04}{payload}"),
            title: Some((*payload).to_owned()),
            description: (*payload).to_owned(),
            severity: Severity::High,
            aliases: vec![(*payload).to_owned()],
            related: vec![(*payload).to_owned()],
            links: vec![(*payload).to_owned()],
            fixed_version: Some((*payload).to_owned()),
            ..finding.clone()
        });
    }
    for layer in &mut report.inventory.image.layers {
        layer.created_by = Some(PAYLOADS.concat());
    }
    report
}

#[test]
fn a_page_filters_sorts_opens_layers_and_runs_nothing_else() {
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&suppressed(), "report.html");
    assert_eq!(browser.shown().len(), 6);
    browser.write("#search", "libssl3 0727");
    assert_eq!(browser.shown(), ["CVE-2024-0727"]);
    assert_eq!(
        browser.run("return document.getElementById('shown').textContent"),
        "1 of 6 findings"
    );
    browser.run("const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))");
    browser.click("input.severity[value='5']");
    assert!(!browser.shown().contains(&"CVE-2024-38428".to_owned()));
    browser.click("input.severity[value='5']");
    browser.click("#fixable");
    assert_eq!(browser.shown().len(), 4);
    browser.click("#fixable");
    browser.click("#table th:nth-child(2)");
    let mut sorted = browser.shown();
    assert_eq!(sorted.len(), 6);
    assert!(sorted.is_sorted(), "{sorted:?}");
    browser.click("#table th:nth-child(2)");
    sorted.reverse();
    assert_eq!(browser.shown(), sorted);
    let open = "return document.querySelector('#layers details.layer').open";
    assert_eq!(browser.run(open), false);
    browser.click("#layers details.layer summary");
    assert_eq!(browser.run(open), true);
    assert_eq!(
        browser
            .run("return document.querySelector('#layers details.layer td').offsetParent !== null"),
        true
    );
    let picture = browser.request(
        "GET",
        &format!("/session/{}/screenshot", browser.session),
        &json!({}),
    );
    let picture = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        picture.as_str().unwrap(),
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.png");
    std::fs::write(path, picture.unwrap()).unwrap();

    browser.open(&hostile(), "hostile.html");
    let count = |selector: &str| {
        browser.run(&format!(
            "return document.querySelectorAll({selector:?}).length"
        ))
    };
    assert_eq!(browser.shown().len(), PAYLOADS.len());
    assert_eq!(count("script"), 1);
    for element in [
        "img", "iframe", "svg", "object", "embed", "link", "base", "form", "audio", "video",
    ] {
        assert_eq!(count(element), 0, "{element}");
    }
    let handlers = "return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])\
                    .filter(a => a.name.startsWith('on') || /^\\s*(javascript|data|vbscript):/i.test(a.value)).length";
    assert_eq!(browser.run(handlers), 0);
    // Opening and filtering everything runs nothing either.
    browser.run("for (const d of document.querySelectorAll('details')) d.open = true");
    browser.write("#search", "<");
    // A dialog that something opened would have failed every request since.
    assert_eq!(browser.run("return location.protocol"), "file:");
    assert!(!browser.shown().is_empty());
}
