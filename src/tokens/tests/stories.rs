//! What happens to tokens, one story each.

use std::sync::Arc;

use super::{story::*, *};
use crate::tokens::limits::{ASKED_BATCHES_MAX, KNOWN_BATCHES_MAX, QUEUE_MAX, TOKENS_MAX};

#[track_caller]
fn about(seconds: f64, actual: f64) {
    assert!((0.89..=1.11).contains(&(actual / seconds)), "{actual} s is not about {seconds} s");
}

#[test]
fn a_startup_token_is_validated_first_and_fetches() {
    let mut story = Story::begin(Mode::Strict, &[STAR, OTHER]);
    assert!(story.registry.startup_undecided() && story.registry.any_known());
    assert_eq!((story.standing(STAR), story.refreshed().len()), (None, 0));
    let answer = vec![listed(KindWord::Backend, STAR), listed(KindWord::Backend, OTHER)];
    let verdicts = story.exchange(&[STAR, OTHER], answer);
    assert!(verdicts.changed && !story.registry.startup_undecided());
    assert_eq!(verdicts.decided, [(key(STAR), Decision::Accepted), (key(OTHER), Decision::Accepted)]);
    assert_eq!(verdicts.joined, story.registry.refresh_set());
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![STAR, OTHER]));
    story.is_idle();
}

#[test]
fn startup_tokens_are_tried_again_with_growing_pauses() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(story.fail(), [key(STAR)]);
        story.is_idle();
        about(f64::from(seconds), story.wait_until_due());
    }
    assert!(story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]).changed);
}

#[test]
fn a_request_hastens_a_startup_token_that_pauses() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    for _ in 0..7 {
        story.fail();
        story.wait_until_due();
    }
    story.fail();
    assert_eq!(story.ask(STAR), Asked::Joined);
    story.is_idle();
    story.wait(1);
    assert_eq!(story.fail(), [key(STAR)]);
}

#[test]
fn a_refused_startup_token_is_answered_by_shards_and_tried_again() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    let verdicts = story.exchange(&[STAR], vec![]);
    assert_eq!(verdicts.startup, [(token(STAR), StartupAnswer::Refused)]);
    assert_eq!(verdicts.environments_lost, [Arc::from("dev")]);
    assert_eq!(story.standing(STAR), REFUSED_BACKEND);
    assert!(matches!(story.ask(STAR), Asked::Refused { until } if until > story.now));
    assert!(!story.registry.startup_undecided() && story.registry.any_known());
    for seconds in [60, 120, 240, 480, 960, 1920, 3600] {
        let (pause, batch) = story.wait_for_batch();
        about(f64::from(seconds), pause);
        let verdicts = story.registry.answered(batch, vec![], story.now);
        assert!(!verdicts.changed && verdicts.environments_lost.is_empty() && verdicts.decided.is_empty());
    }
    let (_, batch) = story.wait_for_batch();
    let verdicts = story.registry.answered(batch, vec![listed(KindWord::Backend, STAR)], story.now);
    assert_eq!(verdicts.startup, [(token(STAR), StartupAnswer::Confirmed(TokenKind::Backend))]);
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![STAR]));
}

#[test]
fn a_frontend_or_admin_startup_token_does_not_fetch() {
    for (word, kind) in [(KindWord::Frontend, TokenKind::Frontend), (KindWord::Admin, TokenKind::Admin)] {
        let mut story = Story::begin(Mode::Strict, &[STAR]);
        let verdicts = story.exchange(&[STAR], vec![listed(word, STAR)]);
        assert_eq!(verdicts.startup, [(token(STAR), StartupAnswer::Confirmed(kind))]);
        assert_eq!(story.standing(STAR), Some((kind, Standing::Validated)));
        assert!(story.refreshed().is_empty() && verdicts.joined.is_empty());
    }
}

#[test]
fn questions_about_one_token_make_one_call() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    assert_eq!([story.ask(P1), story.ask(P1)], [Asked::Queued, Asked::Joined]);
    assert_eq!(story.registry.next_due(story.now), Some(story.now));
    let batch = story.batch();
    assert_eq!(story.ask(P1), Asked::Joined);
    story.is_idle();
    let verdicts = story.registry.answered(batch, vec![listed(KindWord::Backend, P1)], story.now);
    assert_eq!(verdicts.decided, [(key(P1), Decision::Accepted)]);
    assert_eq!(story.ask(P1), Asked::Decided);
}

#[test]
fn an_unlisted_token_is_refused_for_a_while() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    for seconds in [60, 120, 240, 480, 600, 600] {
        assert_eq!(story.ask(P1), Asked::Queued);
        let verdicts = story.exchange(&[P1], vec![]);
        let until = story.now + Duration::from_secs(seconds);
        assert!(!verdicts.changed);
        assert_eq!(verdicts.decided, [(key(P1), Decision::Refused { until })]);
        assert_eq!(story.ask(P1), Asked::Refused { until });
        story.wait(seconds);
    }
    assert!(!story.registry.any_known(), "what nobody confirmed does not make the edge unready");
    story.ask(P1);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    assert_eq!(story.standing(P1), VALID_BACKEND);
}

#[test]
fn a_confirmation_wipes_earlier_refusals() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    story.ask(P1);
    story.exchange(&[P1], vec![]);
    story.wait(60);
    story.ask(P1);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    story.registry.suspect(key(P1), story.now);
    story.exchange(&[P1], vec![]);
    let until = story.now + Duration::from_secs(60);
    assert_eq!(story.ask(P1), Asked::Refused { until });
}

#[test]
fn the_registry_is_bounded() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    let texts = (0..TOKENS_MAX + 2).map(|number| format!("*:dev.{number}"));
    let taken = story.registry.restore(texts.map(|text| listed(KindWord::Frontend, &text)), story.now);
    assert_eq!(taken, TOKENS_MAX);
    assert_eq!((story.ask(P1), story.ask("*:dev.0")), (Asked::Full, Asked::Decided));
    story.registry.add_startup(token(STAR), story.now);
    assert_eq!(story.ask(STAR), Asked::Joined);
}

#[test]
fn a_failed_call_leaves_asked_tokens_undecided() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    story.ask(P1);
    assert_eq!(story.fail(), [key(P1)]);
    story.is_idle();
    assert_eq!(story.ask(P1), Asked::Queued);
}

#[test]
fn odd_records_in_an_answer() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    let (untyped, invalid, twice, moved) = ("*:dev.untyped", "*:dev.invalid", "*:dev.twice", "[]:dev.moved");
    for text in [untyped, invalid, twice, moved] {
        story.ask(text);
    }
    let answer = vec![
        TokenRecord { kind: None, ..listed(KindWord::Backend, untyped) },
        listed(KindWord::Invalid, invalid),
        listed(KindWord::Backend, twice),
        listed(KindWord::Backend, "*:dev.nobody-asked"),
        TokenRecord { status: Status::Invalid, ..listed(KindWord::Frontend, twice) },
        TokenRecord {
            environment: Some("prod".into()),
            projects: vec!["b".into(), "a".into()],
            ..listed(KindWord::Backend, moved)
        },
    ];
    let verdicts = story.exchange(&[untyped, invalid, twice, moved], answer);
    assert_eq!(verdicts.decided.len(), 4);
    assert_eq!([story.standing(untyped), story.standing(invalid)], [None, None]);
    assert_eq!(story.standing(twice), Some((TokenKind::Frontend, Standing::Validated)));
    assert_eq!(story.standing("*:dev.nobody-asked"), None);
    let table = story.registry.table();
    let moved = table.find(key(moved)).and_then(|entry| table.scope(entry));
    assert_eq!(moved, Some(&scope("prod", &["a", "b"])));
}

#[test]
fn environment_comes_from_the_text_if_upstream_is_silent() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    story.ask(P1);
    let answer = TokenRecord { environment: None, ..listed(KindWord::Backend, P1) };
    story.exchange(&[P1], vec![answer]);
    assert_eq!(story.registry.table().scopes(), [scope("dev", &["p1"])]);
}

#[test]
fn the_queue_is_bounded_and_calls_are_few() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    let mut out = Vec::new();
    let mut number = 0;
    for _ in 0..ASKED_BATCHES_MAX {
        for _ in 0..ALL {
            number += 1;
            assert_eq!(story.ask(&format!("*:dev.{number}")), Asked::Queued);
        }
        out.push(story.batch());
    }
    for _ in 0..QUEUE_MAX {
        number += 1;
        assert_eq!(story.ask(&format!("*:dev.{number}")), Asked::Queued);
    }
    assert_eq!(story.ask("*:dev.too-much"), Asked::Full);
    story.is_idle();
    let sizes = story.registry.sizes();
    assert_eq!(sizes.asked, ASKED_BATCHES_MAX * ALL + QUEUE_MAX);
    let batch = out.pop().expect("batches are out");
    story.registry.answered(batch, vec![], story.now);
    assert_eq!(Story::texts(&story.batch()).len(), ALL);
    assert_eq!(story.ask("*:dev.too-much"), Asked::Queued);
}

#[test]
fn a_flood_of_questions_does_not_delay_our_own_tokens() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]);
    let out: Vec<Batch> = (0..ASKED_BATCHES_MAX)
        .map(|number| {
            story.ask(&format!("*:dev.{number}"));
            story.batch()
        })
        .collect();
    story.ask("*:dev.waits");
    story.is_idle();
    story.registry.suspect(key(STAR), story.now);
    assert_eq!(Story::texts(&story.batch()), [STAR]);
    assert_eq!(out.len(), ASKED_BATCHES_MAX);
}

#[test]
fn our_own_calls_are_few_as_well() {
    let mut story = Story::begin(Mode::Strict, &["*:a.1", "*:b.1", "*:c.1"]);
    for _ in 0..KNOWN_BATCHES_MAX {
        let batch = story.registry.next_batch(story.now, 1).expect("a start-up token is due");
        assert_eq!(batch.tokens().len(), 1);
    }
    assert!(story.registry.next_batch(story.now, 1).is_none());
    assert_eq!(story.registry.next_due(story.now), None);
}

#[test]
fn a_suspect_stays_until_an_answer_omits_it() {
    let mut story = Story::begin(Mode::Strict, &[STAR, OTHER]);
    let both = || vec![listed(KindWord::Backend, STAR), listed(KindWord::Backend, OTHER)];
    story.exchange(&[STAR, OTHER], both());
    story.registry.suspect(key(STAR), story.now);
    assert!(story.fail().is_empty());
    story.is_idle();
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![STAR, OTHER]));
    about(1.0, story.wait_until_due());
    assert!(!story.exchange(&[STAR], both()).changed);
    story.is_idle();
    story.registry.suspect(key(STAR), story.now);
    let verdicts = story.exchange(&[STAR], vec![]);
    assert_eq!(verdicts.revoked, [key(STAR)]);
    assert_eq!(verdicts.environments_lost, [Arc::from("dev")]);
    assert_eq!(verdicts.left.len(), 1);
    assert_eq!((story.standing(STAR), story.refreshed()), (REFUSED_BACKEND, vec![OTHER]));
}

#[test]
fn an_environment_is_lost_with_its_last_refresh_token_only() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    for text in [STAR, P1] {
        story.ask(text);
    }
    story.exchange(&[STAR, P1], vec![listed(KindWord::Backend, STAR), listed(KindWord::Backend, P1)]);
    assert_eq!(story.refreshed(), [STAR]);
    story.registry.suspect(key(STAR), story.now);
    let verdicts = story.exchange(&[STAR], vec![]);
    assert_eq!((verdicts.environments_lost.len(), story.refreshed()), (0, vec![P1]));
    assert_eq!(verdicts.joined.len(), 1);
    assert_eq!(story.standing(STAR), None);
    story.registry.suspect(key(P1), story.now);
    assert_eq!(story.exchange(&[P1], vec![]).environments_lost, [Arc::from("dev")]);
    assert!(matches!(story.ask(P1), Asked::Refused { .. }));
}

#[test]
fn an_undecided_startup_token_keeps_its_environment() {
    let mut story = Story::begin(Mode::Strict, &[STAR, P1]);
    let batch = story.registry.next_batch(story.now, 1).expect("one start-up token");
    let other = story.registry.next_batch(story.now, 1).expect("the other one");
    let now = story.now;
    assert!(story.registry.answered(batch, vec![], now).environments_lost.is_empty());
    assert_eq!(story.registry.answered(other, vec![], now).environments_lost, [Arc::from("dev")]);
}

#[test]
fn all_valid_tokens_are_asked_about_again() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]);
    story.ask(BROWSER);
    story.exchange(&[BROWSER], vec![listed(KindWord::Frontend, BROWSER)]);
    about(3_600.0, story.wait_until_due());
    assert!(story.fail().is_empty(), "nobody waits for a revalidation");
    about(1.0, story.wait_until_due());
    let narrowed = TokenRecord { projects: vec!["p9".into()], ..listed(KindWord::Frontend, BROWSER) };
    let verdicts = story.exchange(&[STAR, BROWSER], vec![listed(KindWord::Backend, STAR), narrowed]);
    assert!(verdicts.changed && verdicts.decided.is_empty() && verdicts.revoked.is_empty());
    assert_eq!(story.registry.table().scopes(), [scope("dev", &["*"]), scope("dev", &["p9"])]);
    about(3_600.0, story.wait_until_due());
    let verdicts = story.exchange(&[STAR, BROWSER], vec![listed(KindWord::Backend, STAR)]);
    assert_eq!((verdicts.revoked, story.standing(BROWSER)), (vec![key(BROWSER)], None));
    assert!(verdicts.environments_lost.is_empty());
}

#[test]
fn a_round_goes_in_batches() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    let texts: Vec<String> = (0..25).map(|number| format!("*:dev.{number}")).collect();
    texts.iter().for_each(|text| assert_eq!(story.ask(text), Asked::Queued));
    let all = || texts.iter().map(|text| listed(KindWord::Frontend, text)).collect::<Vec<TokenRecord>>();
    let batch = story.batch();
    story.registry.answered(batch, all(), story.now);
    story.wait_until_due();
    let mut seen = Vec::new();
    while let Some(batch) = story.registry.next_batch(story.now, 10) {
        seen.extend(batch.tokens().map(|token| token.text().to_owned()));
        story.registry.answered(batch, all(), story.now);
    }
    assert_eq!(seen, texts);
    story.is_idle();
}

#[test]
fn a_backup_authenticates_and_stays_in_the_startup_scope() {
    let mut story = Story::begin(Mode::Strict, &[P1]);
    let records = vec![
        listed(KindWord::Backend, P1),
        listed(KindWord::Backend, STAR),
        listed(KindWord::Backend, "p1:dev.sibling"),
        listed(KindWord::Frontend, BROWSER),
        TokenRecord { status: Status::Invalid, ..listed(KindWord::Backend, OTHER) },
        TokenRecord { kind: None, ..listed(KindWord::Backend, "*:dev.untyped") },
        TokenRecord { token: "no-grammar".into(), ..listed(KindWord::Backend, OTHER) },
    ];
    assert_eq!(story.registry.restore(records, story.now), 4);
    assert_eq!([story.standing(P1), story.standing(STAR)], [VALID_BACKEND, VALID_BACKEND]);
    assert_eq!(story.standing(BROWSER), Some((TokenKind::Frontend, Standing::Validated)));
    assert_eq!([story.standing(OTHER), story.standing("*:dev.untyped")], [None, None]);
    assert_eq!(story.refreshed(), [P1], "the wider one is outside the start-up scope");
    assert!(story.registry.startup_undecided(), "a backup is no answer");
    assert_eq!(story.fail(), []);
    let verdicts = story.exchange(&[STAR, "p1:dev.sibling", BROWSER], vec![listed(KindWord::Backend, STAR)]);
    assert_eq!(verdicts.revoked, [key("p1:dev.sibling"), key(BROWSER)]);
    assert_eq!((story.standing(P1), story.refreshed()), (VALID_BACKEND, vec![P1]));
}

#[test]
fn a_backup_may_come_before_the_startup_tokens() {
    let mut story = Story::begin(Mode::Strict, &[]);
    story.registry.restore([listed(KindWord::Backend, STAR)], story.now);
    assert!(story.refreshed().is_empty(), "no start-up scope yet");
    story.registry.add_startup(token(STAR), story.now);
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![STAR]));
    assert!(story.registry.startup_undecided());
    let verdicts = story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]);
    assert!(!verdicts.changed && !story.registry.startup_undecided());
}

#[test]
fn a_fresh_answer_beats_the_backup() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    story.exchange(&[STAR], vec![]);
    assert_eq!(story.registry.restore([listed(KindWord::Backend, STAR)], story.now), 0);
    assert_eq!(story.standing(STAR), REFUSED_BACKEND);
}

#[test]
fn a_backup_that_comes_late_adds_what_is_not_decided() {
    let mut story = Story::begin(Mode::Dynamic, &[STAR]);
    story.registry.presume_startup("dev");
    story.ask(P1);
    story.ask(BROWSER);
    let batch = story.batch();
    assert_eq!(Story::texts(&batch), [STAR]);
    story.exchange(&[P1, BROWSER], vec![]);
    let late = [STAR, P1, OTHER].map(|text| listed(KindWord::Backend, text));
    assert_eq!(story.registry.restore(late.clone(), story.now), 2);
    assert_eq!(story.registry.restore(late, story.now), 0, "twice is once");
    assert_eq!(story.registry.backup(), [STAR, OTHER].map(|text| listed(KindWord::Backend, text)));
    assert_eq!(story.refreshed(), [STAR, OTHER]);
    assert_eq!(story.standing(P1), None, "upstream has just refused it");
}

#[test]
fn a_restored_environment_presumes_its_startup_tokens() {
    let mut story = Story::begin(Mode::Strict, &[STAR, OTHER]);
    assert_eq!(story.registry.presume_startup("dev"), 1);
    assert!(story.registry.backup().is_empty(), "nobody has confirmed it");
    assert_eq!((story.standing(STAR), story.standing(OTHER)), (VALID_BACKEND, None));
    assert_eq!(story.refreshed(), [STAR]);
    assert!(story.registry.startup_undecided());
    let verdicts = story.exchange(&[STAR, OTHER], vec![listed(KindWord::Backend, OTHER)]);
    assert_eq!((verdicts.revoked, verdicts.environments_lost), (vec![key(STAR)], vec!["dev".into()]));
}

#[test]
fn coverage_is_certain_only_when_startup_tokens_are_decided() {
    let mut story = Story::begin(Mode::Strict, &["[]:dev.many"]);
    let check = |story: &Story, expected: [Coverage; 3]| {
        let scopes = [scope("dev", &["p1"]), scope("dev", &["*"]), scope("prod", &["p1"])];
        assert_eq!(scopes.map(|scope| story.registry.coverage(&scope)), expected);
    };
    check(&story, [Coverage::Undecided, Coverage::Undecided, Coverage::Outside]);
    let answer =
        TokenRecord { projects: vec!["p1".into(), "p2".into()], ..listed(KindWord::Backend, "[]:dev.many") };
    story.exchange(&["[]:dev.many"], vec![answer]);
    check(&story, [Coverage::Covered, Coverage::Outside, Coverage::Outside]);
}

#[test]
fn in_strict_mode_asked_tokens_do_not_fetch() {
    let mut story = Story::begin(Mode::Strict, &[P1]);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    story.ask(STAR);
    let verdicts = story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]);
    assert!(verdicts.changed && verdicts.joined.is_empty());
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![P1]));
    assert!(!story.registry.covered(&scope("dev", &["*"])));
}

#[test]
fn of_equal_tokens_the_one_in_use_stays() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    for text in ["*:dev.z", "*:dev.a"] {
        story.ask(text);
        story.exchange(&[text], vec![listed(KindWord::Backend, text)]);
        assert_eq!(story.refreshed(), ["*:dev.z"]);
    }
}

#[test]
fn pretrusted_tokens_need_no_upstream() {
    let mut story = Story::begin(Mode::Strict, &[]);
    for text in ["*:dev.shop", "legacy@prod"] {
        story.registry.add_pretrusted(&Pretrusted::parse(text).expect("a pretrusted form"));
    }
    let trusted = Some((TokenKind::Frontend, Standing::Trusted));
    assert_eq!([story.standing("*:dev.shop"), story.standing(" legacy ")], [trusted, trusted]);
    assert!(story.registry.any_known() && !story.registry.startup_undecided());
    story.wait(2 * 3_600);
    story.is_idle();
    assert!(story.registry.backup().is_empty());
}

#[test]
fn offline_tokens_are_taken_as_configured() {
    let mut story = Story::begin(Mode::Offline, &[]);
    let lists = [
        (TokenKind::Backend, ["*:dev.same", "[]:dev.many"]),
        (TokenKind::Frontend, ["*:dev.same", "  opaque-secret "]),
        (TokenKind::Untyped, ["p1:prod.old", ""]),
    ];
    for (kind, texts) in lists {
        texts.iter().for_each(|text| story.registry.add_offline(kind, text));
    }
    assert_eq!(story.standing("*:dev.same"), Some((TokenKind::Frontend, Standing::Validated)));
    assert_eq!(story.standing("[]:dev.many"), VALID_BACKEND);
    assert_eq!(story.standing("opaque-secret"), Some((TokenKind::Frontend, Standing::Trusted)));
    assert_eq!(story.standing("p1:prod.old"), Some((TokenKind::Untyped, Standing::Validated)));
    let opaque = Scope { environment: None, projects: Projects::Named(Box::default()) };
    let scopes = [opaque, scope("dev", &["*"]), scope("dev", &[]), scope("prod", &["p1"])];
    assert_eq!(story.registry.table().scopes(), scopes);
    assert!(matches!(story.ask(STAR), Asked::Refused { .. }));
    story.wait(2 * 3_600);
    assert!(story.registry.next_batch(story.now, ALL).is_none());
    assert_eq!(story.registry.next_due(story.now), None);
    let listing = story.registry.listing();
    let shown: Vec<(&str, Status)> =
        listing.tokens.iter().map(|record| (record.token.as_str(), record.status)).collect();
    let expected = [
        ("[]:dev.****", Status::Unknown),
        ("*:dev.****", Status::Unknown),
        ("****", Status::Trusted),
        ("p1:prod.****", Status::Unknown),
    ];
    assert_eq!((shown.as_slice(), listing.invalid), (expected.as_slice(), 0));
}

#[test]
fn backup_and_listing_tell_of_valid_tokens() {
    let mut story = Story::begin(Mode::Strict, &[STAR, OTHER]);
    story.ask(P1);
    story.exchange(&[STAR, OTHER], vec![listed(KindWord::Backend, STAR)]);
    story.exchange(&[P1], vec![]);
    assert_eq!(story.registry.backup(), [listed(KindWord::Backend, STAR)]);
    let listing = story.registry.listing();
    let masked = TokenRecord { token: "*:dev.****".into(), ..listed(KindWord::Backend, STAR) };
    assert_eq!((listing.tokens, listing.invalid), (vec![masked], 2));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let secret = "0123456789abcdefghijklmnopqrstuvwxyz";
    let mut story = Story::begin(Mode::Strict, &[&format!("*:dev.{secret}-startup")]);
    story.ask(&format!("*:dev.{secret}-asked"));
    let batch = story.batch();
    let printed = format!("{:?} {batch:?}", story.registry);
    assert!(printed.contains("Token(*:dev.#") && !printed.contains("456789"), "{printed}");
}
