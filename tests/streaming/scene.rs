//! An upstream that is polled every second, an edge in front of it, and tokens for some of its projects.

use serde_json::{Value, json};

use crate::{
    brink::Brink,
    client::Held,
    fake_upstream::{FEATURES, FakeUpstream},
};

pub const ALL: &str = "*:development.s3cret-for-everything-00001";
pub const P1: &str = "p1:development.s3cret-for-project-one-0001";
pub const P2: &str = "p2:development.s3cret-for-project-two-0001";

/// A flag of a project, in a state, with segments.
pub fn flag(name: &str, project: &str, enabled: bool, segments: &[i64]) -> Value {
    json!({"name": name, "project": project, "enabled": enabled,
           "strategies": [{"name": "default", "segments": segments}]})
}

/// A document with these flags, all segments they may refer to, and a revision.
pub fn document(revision: u64, flags: &[Value]) -> String {
    let segments: Vec<Value> = (1..=3).map(|id| json!({"id": id, "constraints": []})).collect();
    let meta = json!({"revisionId": revision});
    json!({"version": 2, "features": flags, "segments": segments, "meta": meta}).to_string()
}

pub struct Scene {
    pub up: FakeUpstream,
    pub brink: Brink,
}

impl Scene {
    /// Serves these flags at revision 40, fetched with one token for everything.
    pub fn start(flags: &[Value]) -> Self {
        Self::with(flags, &[])
    }

    pub fn with(flags: &[Value], args: &[&str]) -> Self {
        let up = FakeUpstream::start();
        up.add_token(ALL, "client", &["*"]);
        up.add_token(P1, "client", &["p1"]);
        up.add_token(P2, "client", &["p2"]);
        up.set_features("development", document(40, flags));
        let url = up.url();
        let edge =
            ["--workers", "2", "edge", "-u", &url, "--features-refresh-interval-seconds", "1", "-t", ALL];
        let brink = Brink::start(&[&edge, args].concat());
        let scene = Self { up, brink };
        for token in [ALL, P1, P2] {
            scene.brink.get_until(FEATURES, &[("authorization", token)], |answer| answer.status == 200);
        }
        scene
    }

    /// Upstream has these flags now.
    pub fn set(&self, revision: u64, flags: &[Value]) {
        self.up.set_features("development", document(revision, flags));
    }

    /// The same, and the edge serves them.
    #[track_caller]
    pub fn serve(&self, revision: u64, flags: &[Value]) {
        self.set(revision, flags);
        self.brink.get_until(FEATURES, &[("authorization", ALL)], |answer| {
            answer.json()["meta"]["revisionId"].as_u64() == Some(revision)
        });
    }

    /// What a client with this token should hold.
    pub fn held(&self, token: &str) -> Held {
        Held::of_body(&self.brink.get(FEATURES, &[("authorization", token)]).json())
    }
}
