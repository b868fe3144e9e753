// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Labels of network namespaces, and looking up what may not be there.
#include "model/inventory.hpp"

#include <doctest/doctest.h>

using namespace synfate::model;

TEST_CASE("a namespace is called by its name, else by its number and a process in it") {
  Inventory inventory;
  inventory.namespaces[1].name = "host";
  inventory.namespaces[1].example_tgid = 1;
  inventory.namespaces[2].example_tgid = 42;
  inventory.namespaces[2].example_comm = "python3";
  inventory.namespaces[4026532511].id = 4026532511;
  CHECK(inventory.label(1) == "host");
  CHECK(inventory.label(2) == "2 (python3[42])");
  CHECK(inventory.label(4026532511) == "4026532511");
}

TEST_CASE("a label is never empty, whatever is known") {
  Inventory inventory;
  inventory.namespaces[7].example_tgid = 9;
  CHECK(inventory.label(7) == "7 ([9])");
  CHECK(inventory.label(8) == "8");
  CHECK(inventory.label(0) == "unknown netns");
}

TEST_CASE("a label does not clean: what prints it must") {
  Inventory inventory;
  inventory.namespaces[1].name = "a\x1b[2J";
  CHECK(inventory.label(1) == "a\x1b[2J");
}

TEST_CASE("find tells absence from emptiness") {
  Inventory inventory;
  inventory.namespaces[1];
  CHECK(inventory.find(1) == &inventory.namespaces[1]);
  CHECK(inventory.find(2) == nullptr);
  CHECK(inventory.namespaces.size() == 1);
}

TEST_CASE("links are found by index, not by position") {
  Netns netns;
  CHECK(netns.link(1) == nullptr);
  Link eth0;
  eth0.ifindex = 5;
  eth0.name = "eth0";
  Link lo;
  lo.ifindex = 1;
  lo.name = "lo";
  netns.links = {eth0, lo};
  REQUIRE(netns.link(1) != nullptr);
  CHECK(netns.link(1)->name == "lo");
  CHECK(netns.link(5)->name == "eth0");
  CHECK(netns.link(0) == nullptr);
}
