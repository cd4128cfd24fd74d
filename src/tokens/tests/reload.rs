//! Lists that are read again, and tokens that upstream issues.

use std::sync::Arc;

use super::{story::*, *};

const P2: &str = "p2:dev.two";

/// Confirms everything that is asked, as a backend token.
fn confirm_all(story: &mut Story) {
    while let Some(batch) = story.registry.next_batch(story.now, ALL) {
        let records = batch.tokens().map(|token| listed(KindWord::Backend, token.text())).collect();
        story.registry.answered(batch, records, story.now);
    }
}

fn running(mode: Mode, startup: &[&str]) -> Story {
    let mut story = Story::begin(mode, startup);
    confirm_all(&mut story);
    assert!(!story.registry.startup_undecided());
    story
}

fn replace(story: &mut Story, texts: &[&str]) -> Verdicts {
    let tokens = texts.iter().map(|text| token(text)).collect();
    story.registry.replace_startup(tokens, story.now)
}

#[test]
fn new_tokens_join_and_removed_ones_leave() {
    for mode in [Mode::Strict, Mode::Dynamic] {
        let mut story = running(mode, &[P1, OTHER]);
        let verdicts = replace(&mut story, &[P1, P2, P2]);
        assert!(verdicts.changed && verdicts.joined.is_empty());
        assert_eq!(verdicts.left.iter().map(|left| left.token.text()).collect::<Vec<_>>(), [OTHER]);
        assert_eq!(verdicts.environments_lost, [Arc::from("prod")]);
        assert_eq!(verdicts.revoked, [key(OTHER)]);
        assert_eq!((story.standing(OTHER), story.refreshed()), (None, vec![P1]));
        let verdicts = story.exchange(&[P2], vec![listed(KindWord::Backend, P2)]);
        assert_eq!(verdicts.joined.len(), 1);
        assert_eq!(story.refreshed(), [P1, P2]);
        story.is_idle();
    }
}

#[test]
fn what_another_token_covers_is_kept() {
    let mut story = running(Mode::Strict, &[STAR, P1]);
    assert_eq!(story.refreshed(), [STAR]);
    let verdicts = replace(&mut story, &[P1]);
    assert!(verdicts.environments_lost.is_empty());
    assert_eq!((verdicts.left.len(), verdicts.joined.len(), story.refreshed()), (1, 1, vec![P1]));
    assert!(story.registry.may_refresh("dev", "p1") && !story.registry.may_refresh("dev", "p2"));
    // A token that nobody has answered for keeps everything of its environment.
    replace(&mut story, &[P1, P2]);
    assert!(story.registry.may_refresh("dev", "any") && !story.registry.may_refresh("prod", "p1"));
}

#[test]
fn an_equal_list_changes_nothing() {
    let mut story = running(Mode::Strict, &[P1, OTHER]);
    let verdicts = replace(&mut story, &[OTHER, P1]);
    assert_eq!(verdicts, Verdicts { changed: true, ..Verdicts::default() });
    story.is_idle();
    let reporters = story.registry.reporters();
    assert_eq!(reporters.first().map(|first| first.token.text()), Some(OTHER), "the order is the new one");
}

#[test]
fn a_token_that_requests_brought_becomes_a_start_up_token_without_a_question() {
    let mut story = running(Mode::Strict, &[OTHER]);
    story.ask(P1);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    assert_eq!(story.refreshed(), [OTHER]);
    let verdicts = replace(&mut story, &[OTHER, P1]);
    assert_eq!((verdicts.joined.len(), story.refreshed().len()), (1, 2));
    story.is_idle();
}

#[test]
fn a_removed_token_that_is_being_asked_about_stays_away() {
    let mut story = Story::begin(Mode::Dynamic, &[P1]);
    let batch = story.batch();
    assert_eq!(story.ask(P1), Asked::Joined);
    let verdicts = replace(&mut story, &[]);
    assert_eq!(verdicts.decided, [(key(P1), Decision::Accepted)], "those who wait look again");
    let verdicts = story.registry.answered(batch, vec![listed(KindWord::Backend, P1)], story.now);
    assert_eq!(verdicts, Verdicts::default());
    assert_eq!((story.standing(P1), story.refreshed().len()), (None, 0));
    assert_eq!(story.ask(P1), Asked::Queued, "from now on it is a token like any other");
}

#[test]
fn a_token_with_an_open_question_is_not_asked_about_twice() {
    let mut story = running(Mode::Strict, &[OTHER]);
    story.wait(1);
    story.ask(P1);
    replace(&mut story, &[OTHER, P1]);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    story.is_idle();
    assert_eq!(story.refreshed(), [P1, OTHER]);
}

#[test]
fn issued_tokens_are_valid_start_up_tokens() {
    let mut story = Story::begin(Mode::Strict, &[]);
    story.registry.promise(["dev", "prod"]);
    assert!(story.registry.any_known() && story.registry.startup_undecided());
    assert!(story.registry.fetches("dev") && !story.registry.fetches("test"));
    assert_eq!(story.registry.coverage(&scope("prod", &["p1"])), Coverage::Undecided);
    assert_eq!(story.registry.issued(vec![listed(KindWord::Invalid, STAR)], story.now), None);
    assert!(story.registry.startup_undecided(), "an answer without a usable token changes nothing");
    let records = vec![listed(KindWord::Backend, STAR), listed(KindWord::Frontend, BROWSER)];
    let verdicts = story.registry.issued(records, story.now).expect("one is of use");
    assert_eq!(verdicts.joined.iter().map(|one| one.token.text()).collect::<Vec<_>>(), [STAR]);
    let told = [(STAR, TokenKind::Backend), (BROWSER, TokenKind::Frontend)];
    assert_eq!(verdicts.startup, told.map(|(text, kind)| (token(text), StartupAnswer::Confirmed(kind))));
    assert_eq!(verdicts.environments_lost, [Arc::from("prod")], "promised and not issued");
    assert!(!story.registry.startup_undecided());
    assert_eq!((story.standing(STAR), story.refreshed()), (VALID_BACKEND, vec![STAR]));
    story.is_idle();
}

#[test]
fn tokens_issued_again_replace_those_issued_before() {
    let mut story = Story::begin(Mode::Strict, &[]);
    story.registry.issued(vec![listed(KindWord::Backend, P1)], story.now);
    let verdicts = story.registry.issued(vec![listed(KindWord::Backend, P2)], story.now).expect("of use");
    assert_eq!((verdicts.joined.len(), verdicts.left.len(), story.refreshed()), (1, 1, vec![P2]));
    assert_eq!(story.standing(P1), None);
}

#[test]
fn a_backup_within_a_promised_environment_fetches() {
    let mut story = Story::begin(Mode::Strict, &[]);
    story.registry.promise(["dev"]);
    story.registry.restore([listed(KindWord::Backend, P1), listed(KindWord::Backend, OTHER)], story.now);
    assert_eq!(story.refreshed(), [P1]);
}

#[test]
fn pretrusted_tokens_are_replaced() {
    let parse = |text: &str| Pretrusted::parse(text).expect("one of the two forms");
    let mut story = running(Mode::Strict, &[STAR]);
    story.registry.replace_pretrusted(&[parse("one@dev"), parse("two@dev")]);
    assert_eq!(story.registry.table().len(), 3);
    story.registry.replace_pretrusted(&[parse("two@dev"), parse(STAR)]);
    assert_eq!((story.registry.table().len(), story.standing(STAR)), (2, VALID_BACKEND));
}
