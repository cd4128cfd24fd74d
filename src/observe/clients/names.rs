//! The SDKs of Unleash, as their `Unleash-SDK` headers spell them: by repository, older and newer.

/// Languages and platforms; each may come as `unleash-client-<it>` and as `unleash-<it>-sdk`.
const NAMES: [[&str; 2]; 22] = [
    ["unleash-client-android", "unleash-android-sdk"],
    ["unleash-client-angular", "unleash-angular-sdk"],
    ["unleash-client-cpp", "unleash-cpp-sdk"],
    ["unleash-client-dotnet", "unleash-dotnet-sdk"],
    ["unleash-client-elixir", "unleash-elixir-sdk"],
    ["unleash-client-flutter", "unleash-flutter-sdk"],
    ["unleash-client-go", "unleash-go-sdk"],
    ["unleash-client-ios", "unleash-ios-sdk"],
    ["unleash-client-java", "unleash-java-sdk"],
    ["unleash-client-javascript", "unleash-javascript-sdk"],
    ["unleash-client-js", "unleash-js-sdk"],
    ["unleash-client-nextjs", "unleash-nextjs-sdk"],
    ["unleash-client-node", "unleash-node-sdk"],
    ["unleash-client-php", "unleash-php-sdk"],
    ["unleash-client-python", "unleash-python-sdk"],
    ["unleash-client-react", "unleash-react-sdk"],
    ["unleash-client-ruby", "unleash-ruby-sdk"],
    ["unleash-client-rust", "unleash-rust-sdk"],
    ["unleash-client-svelte", "unleash-svelte-sdk"],
    ["unleash-client-swift", "unleash-swift-sdk"],
    ["unleash-client-vue", "unleash-vue-sdk"],
    // Not SDKs, but they fetch like some.
    ["unleash-edge", "unleash-proxy"],
];

/// The name, if it is one of the list.
pub fn known(name: &str) -> Option<&'static str> {
    NAMES.as_flattened().iter().copied().find(|known| *known == name)
}
