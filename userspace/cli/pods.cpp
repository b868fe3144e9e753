// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/pods.hpp"

#include <signal.h>

#include "cli/exit_status.hpp"
#include "cli/output.hpp"
#include "inventory/reader.hpp"
#include "machine/confine.hpp"
#include "machine/real.hpp"
#include "render/inventory_json.hpp"
#include "render/inventory_text.hpp"

namespace synfate::cli {

int pods(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  if (Status confined = machine::confine(machine::Duty::Watch); !confined) complain(confined.error());
  machine::RealMachine machine;
  inventory::InventoryReader reader(machine);
  if (Status refreshed = reader.refresh(); !refreshed) {
    complain(refreshed.error());
    return exit_status(refreshed.error());
  }
  bool unreadable = false;
  std::vector<model::NetnsId> known;
  for (const auto& [id, netns] : reader.current().namespaces) known.push_back(id);
  for (const model::NetnsId id : known) {
    const Status read = reader.read_devices(id);
    unreadable |= !read && read.error().kind != ErrorKind::Gone;
  }
  reader.list_hosted();
  const bool written = options.json ? render::write_inventory_json(reader.current(), stdout_writer())
                                    : render::write_inventory_text(reader.current(), text_style(options), stdout_writer());
  // Nobody reads any more: nothing to complain about.
  if (!written) return kDone;
  return unreadable ? kEvidenceLost : kDone;
}

}  // namespace synfate::cli
