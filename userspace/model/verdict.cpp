// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/verdict.hpp"

namespace synfate::model {

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::Established: return "established";
    case Fate::Dropped: return "dropped";
    case Fate::Refused: return "refused";
    case Fate::Unanswered: return "unanswered";
    case Fate::ClosedEarly: return "closed_early";
    case Fate::Parked: return "parked";
    case Fate::Vanished: return "vanished";
    case Fate::Unfinished: return "unfinished";
  }
  return "unfinished";
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::None: return "";
    case Stage::LocalOut: return "local_out";
    case Stage::Xdp: return "xdp";
    case Stage::TcIngress: return "tc_ingress";
    case Stage::Bridge: return "bridge";
    case Stage::Prerouting: return "prerouting";
    case Stage::RouteIn: return "route_in";
    case Stage::Input: return "input";
    case Stage::Forward: return "forward";
    case Stage::Output: return "output";
    case Stage::Postrouting: return "postrouting";
    case Stage::Neighbour: return "neighbour";
    case Stage::TcEgress: return "tc_egress";
    case Stage::Qdisc: return "qdisc";
    case Stage::Device: return "device";
    case Stage::Socket: return "socket";
    case Stage::Beyond: return "beyond";
  }
  return "";
}

std::string_view to_string(Confidence confidence) {
  switch (confidence) {
    case Confidence::Exact: return "exact";
    case Confidence::Strong: return "strong";
    case Confidence::Partial: return "partial";
  }
  return "partial";
}

std::string_view to_string(Leg leg) {
  switch (leg) {
    case Leg::None: return "";
    case Leg::Syn: return "syn";
    case Leg::SynAck: return "synack";
    case Leg::Ack: return "ack";
    case Leg::Reset: return "rst";
    case Leg::ClientReset: return "client_rst";
    case Leg::IcmpError: return "icmp";
  }
  return "";
}

}  // namespace synfate::model
