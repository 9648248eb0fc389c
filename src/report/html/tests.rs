use super::*;
use crate::report::compare::compare;
use crate::report::samples;

/// The page without its own style and script: what is left comes from the run.
fn body(page: &str) -> String {
    page.replace(STYLE, "").replace(SCRIPT, "")
}

#[test]
fn hostile_text_stays_text() {
    let run = samples::hostile();
    let old = samples::small();
    let body = body(&render(&run, Some((&old, &compare(&old, &run)))));
    assert_eq!(body.matches("<script").count(), 1);
    assert_eq!(body.matches("</script").count(), 1);
    for bad in [
        "<img",
        "<svg onload",
        "<title><",
        "onerror=\"",
        "<!--",
        "\u{1b}",
        "\u{202e}",
        "\0",
        "href=\"..",
    ] {
        assert!(!body.contains(bad), "{bad:?}");
    }
    assert!(body.contains("&lt;/script&gt;&lt;script&gt;window.pwned=1&lt;/script&gt;"));
}

#[test]
fn nothing_is_fetched() {
    for (name, run) in samples::files() {
        let page = render(&run, None);
        let body = body(&page);
        for bad in [
            "src=\"",
            "href=\"http",
            "href=\"//",
            "url(",
            "@import",
            "style=\"",
            " onclick",
        ] {
            assert!(!body.contains(bad) || name == "hostile", "{name}: {bad}");
        }
        assert!(page.contains("default-src 'none'"));
    }
    for own in [STYLE, SCRIPT] {
        for bad in [
            "http:",
            "https:",
            "url(",
            "@import",
            "fetch(",
            "XMLHttpRequest",
            "innerHTML",
            "eval(",
        ] {
            assert!(!own.contains(bad), "{bad}");
        }
    }
}

#[test]
fn the_policy_names_what_the_page_holds() {
    let page = render(&samples::small(), None);
    let between = |from: &str, to: &str| {
        let start = page.find(from).expect(from) + from.len();
        let end = page[start..].find(to).expect(to) + start;
        &page[start..end]
    };
    for (from, to, directive) in [
        ("<style>", "</style>", "style-src"),
        ("<script>", "</script>", "script-src"),
    ] {
        let digest = BASE64.encode(&Sha256::digest(between(from, to)));
        assert!(
            page.contains(&format!("{directive} 'sha256-{digest}'")),
            "{directive}"
        );
    }
}

#[test]
fn every_cell_of_the_matrix_has_its_details() {
    for run in [
        samples::sixty(),
        samples::three_hundred(),
        samples::hostile(),
    ] {
        let page = render(&run, None);
        for at in 0..run.cells.len() {
            assert_eq!(page.matches(&format!("<details id=\"c{at}\"")).count(), 1);
            assert!(page.contains("<a class=\"cell") && page.contains(&format!("href=\"#c{at}\"")));
        }
    }
}

#[test]
fn the_page_is_well_formed() {
    // void elements aside, the page is written so that an XML parser takes it
    for (name, run) in samples::files() {
        let later = samples::small_later();
        let page = body(&render(&run, Some((&later, &compare(&later, &run)))));
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1) {
            let inner = tag.split('>').next().expect("a tag ends");
            let word = inner
                .split([' ', '/', '\n'])
                .find(|word| !word.is_empty())
                .unwrap_or_default();
            match inner {
                _ if inner.starts_with('!')
                    || inner.ends_with('/')
                    || ["meta", "input", "br"].contains(&word) => {}
                _ if inner.starts_with('/') => assert_eq!(open.pop(), Some(word), "{name}"),
                _ => open.push(word),
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

/// `KFLAKE_PAGES=DIR cargo test pages_to_look_at` writes pages for a browser.
#[test]
fn pages_to_look_at() {
    let Some(dir) = std::env::var_os("KFLAKE_PAGES") else {
        return;
    };
    let dir = std::path::Path::new(&dir);
    let big = samples::three_hundred();
    crate::report::json::replace(&dir.join("big.html"), render(&big, None).as_bytes())
        .expect("written");
}
