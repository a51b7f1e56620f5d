//! Events and the clients of the services that hear of them.
