// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names: the best known one, clean and bounded.
#include "render/labels.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

TEST_CASE("clean marks what it had to cut, and only that") {
  CHECK(clean("abcd", 4) == "abcd");
  CHECK(clean("abcde", 4) == "abcd…");
  CHECK(clean("abcdefghijkl", 4) == "abcd…");
  CHECK(clean("ab→", 4) == "ab…");
  CHECK(clean("\x1b[31mred\n") == "?[31mred?");
}

TEST_CASE("a process is named by what is known of it") {
  CHECK(process_label({4242, 4242, 0, "curl"}) == "curl[4242]");
  CHECK(process_label({0, 0, 0, "curl"}) == "curl");
  CHECK(process_label({4242, 4242, 0, ""}) == "tgid 4242");
  CHECK(process_label({}).empty());
}

TEST_CASE("the client: pod, else process, else container, else node, else address") {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.client.container = "kind-worker";
  CHECK(client_label(attempt) == "testbed/simulator");
  attempt.client.pod.clear();
  attempt.client.netns_name = "blue";
  CHECK(client_label(attempt) == "curl[4242]@blue");
  attempt.client.process = {};
  CHECK(client_label(attempt) == "kind-worker");
  attempt.client.container.clear();
  CHECK(client_label(attempt) == "k3d-server-0");
  attempt.client.node.clear();
  CHECK(client_label(attempt) == "10.42.0.17:43210@blue");
  attempt.client.netns_name.clear();
  attempt.client.netns = 0;
  CHECK(client_label(attempt) == "10.42.0.17:43210");
  attempt.journey.faces.clear();
  CHECK(client_label(attempt) == "unknown client");
}

TEST_CASE("a namespace that is labelled with this very process is not said twice") {
  model::Attempt attempt = established();
  attempt.client.netns_name = "4026532511 (curl[4242])";
  CHECK(client_label(attempt) == "curl[4242]@4026532511");
  attempt.client.netns_name = "4026532511 (bash[7])";
  CHECK(client_label(attempt) == "curl[4242]@4026532511 (bash[7])");
}

TEST_CASE("a namespace without a label is its inode number") {
  model::Attempt attempt = established();
  attempt.client.netns_name.clear();
  attempt.netns_names.clear();
  CHECK(client_label(attempt) == "curl[4242]@4026532511");
  CHECK(netns_label(attempt, 0).empty());
}

TEST_CASE("the server: pod and port, else service, else the address that was asked") {
  model::Attempt attempt = dropped_by_a_rule();
  CHECK(server_label(attempt) == "observability/otel-collector:4317");
  attempt.server.pod.clear();
  CHECK(server_label(attempt) == "observability/otel-collector:otlp");
  attempt.server = {};
  CHECK(server_label(attempt) == "10.43.96.7:4317");
  attempt.server.netns = kServerNetns;
  CHECK(server_label(attempt) == "10.43.96.7:4317@blue");
  attempt.server = {};
  attempt.journey.faces.clear();
  CHECK(server_label(attempt) == "unknown server");
}

TEST_CASE("endpoints of a socket that was not bound, or bound to an address only") {
  CHECK(endpoint_label(endpoint("0.0.0.0", 0)) == "(unbound)");
  CHECK(endpoint_label(endpoint("10.0.0.1", 0)) == "10.0.0.1");
  CHECK(endpoint_label(endpoint("fd00::1", 80)) == "[fd00::1]:80");
}

TEST_CASE("what connect() said: the socket's error before the lookup's") {
  model::Journey journey = no_route().journey;
  CHECK(connect_error(journey) == ENETUNREACH);
  std::get<model::RouteFailure>(journey.events[0].what).error = -EAGAIN;
  CHECK(connect_error(journey) == ENETUNREACH);
  std::get<model::RouteFailure>(journey.events[0].what).error = -EACCES;
  CHECK(connect_error(journey) == EACCES);
  model::Event error = journey.events[0];
  error.what = model::SocketEvent{model::SocketEventKind::Error, EHOSTUNREACH, 0, 0, false};
  journey.events.push_back(error);
  CHECK(connect_error(journey) == EHOSTUNREACH);
  std::get<model::SocketEvent>(journey.events[1].what).at_server = true;
  CHECK(connect_error(journey) == EACCES);
  CHECK_FALSE(connect_error(established().journey));
  CHECK(errno_name(EHOSTUNREACH) == "EHOSTUNREACH");
  CHECK(errno_name(99999) == "errno 99999");
}

TEST_CASE("NAT is the last face against the first") {
  CHECK_FALSE(rewrite_of(established().journey).dst);
  model::Journey journey = dropped_by_a_rule().journey;
  CHECK(rewrite_of(journey).dst == endpoint("10.42.0.9", 4317));
  CHECK_FALSE(rewrite_of(journey).src);
  journey.faces.push_back(journey.faces.front());
  CHECK_FALSE(rewrite_of(journey).dst);
  journey.faces.clear();
  CHECK_FALSE(rewrite_of(journey).src);
}
