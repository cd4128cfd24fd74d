//! Clients that poll for deltas.

use serde_json::Value;

use crate::{
    brink::Brink,
    client::Held,
    scene::{ALL, P1, Scene, flag},
};

/// A client of `/api/client/delta`, as SDKs are: it gives back the tag as it came.
#[derive(Default)]
struct Poller {
    held: Held,
    tag: Option<String>,
}

impl Poller {
    /// Asks once; types of the events, or `None` if there is nothing new.
    #[track_caller]
    fn poll(&mut self, brink: &Brink, token: &str) -> Option<Vec<String>> {
        let mut headers = vec![("authorization", token)];
        headers.extend(self.tag.as_deref().map(|tag| ("if-none-match", tag)));
        let answer = brink.get("/api/client/delta", &headers);
        self.tag = answer.header("etag").map(str::to_owned);
        if answer.status == 304 {
            assert!(answer.body.is_empty());
            return None;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        let document = answer.json();
        let events: &Vec<Value> = document["events"].as_array().expect("a list");
        self.held.apply(events);
        Some(events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect())
    }
}

#[test]
fn a_poller_is_told_what_it_has_not_got() {
    let scene = Scene::start(&[flag("a", "p1", true, &[1]), flag("b", "p2", true, &[])]);
    let (mut all, mut one) = (Poller::default(), Poller::default());
    for (poller, token) in [(&mut all, ALL), (&mut one, P1)] {
        assert_eq!(poller.poll(&scene.brink, token), Some(vec!["hydration".to_owned()]));
        assert_eq!(poller.tag.as_deref(), Some("\"40\""));
        assert_eq!(poller.poll(&scene.brink, token), None);
        assert_eq!(poller.held, scene.held(token));
    }
    scene.serve(42, &[flag("a", "p1", true, &[1]), flag("b", "p2", false, &[])]);
    assert_eq!(all.poll(&scene.brink, ALL), Some(vec!["feature-updated".to_owned()]));
    assert_eq!(one.poll(&scene.brink, P1), None);
    assert_eq!((all.tag.as_deref(), one.tag.as_deref()), (Some("\"42\""), Some("\"40\"")));
    scene.serve(43, &[flag("a", "p1", true, &[2])]);
    for (poller, token) in [(&mut all, ALL), (&mut one, P1)] {
        assert!(poller.poll(&scene.brink, token).is_some_and(|kinds| kinds[0] == "segment-updated"));
        assert_eq!(poller.held, scene.held(token));
        assert_eq!(poller.tag.as_deref(), Some("\"43\""));
    }
    // Upstream begins anew.
    scene.serve(2, &[flag("z", "p1", true, &[])]);
    for (poller, token) in [(&mut all, ALL), (&mut one, P1)] {
        assert_eq!(poller.poll(&scene.brink, token), Some(vec!["hydration".to_owned()]));
        assert_eq!(poller.held, scene.held(token));
        assert_eq!(poller.poll(&scene.brink, token), None);
    }
}
