//! Real servers for tests: control planes, Git servers, registries, controllers.
