// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/post.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

namespace synfate::nftrace {

void Post::begin(unsigned subsystem, unsigned type, unsigned flags, std::uint8_t family, std::uint16_t resource, std::uint32_t sequence) {
  finish();
  message_ = mnl_nlmsg_put_header(buffer_.data() + used_);
  message_->nlmsg_type = static_cast<std::uint16_t>(subsystem << 8U | type);
  message_->nlmsg_flags = static_cast<std::uint16_t>(flags);
  message_->nlmsg_seq = sequence;
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message_, sizeof(nfgenmsg)));
  header->nfgen_family = family;
  header->version = NFNETLINK_V0;
  header->res_id = htons(resource);
}

void Post::text(std::uint16_t type, const std::string& value) { mnl_attr_put_strz(message_, type, value.c_str()); }
void Post::big32(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(message_, type, htonl(value)); }
void Post::big16(std::uint16_t type, std::uint16_t value) { mnl_attr_put_u16(message_, type, htons(value)); }
void Post::byte(std::uint16_t type, std::uint8_t value) { mnl_attr_put_u8(message_, type, value); }
void Post::raw(std::uint16_t type, std::span<const std::uint8_t> value) { mnl_attr_put(message_, type, value.size(), value.data()); }
void Post::open(std::uint16_t type) { nests_.push_back(mnl_attr_nest_start(message_, type)); }

void Post::close() {
  mnl_attr_nest_end(message_, nests_.back());
  nests_.pop_back();
}

void Post::finish() {
  if (message_ != nullptr) used_ += MNL_ALIGN(message_->nlmsg_len);
  message_ = nullptr;
}

std::vector<std::uint8_t> Post::take() {
  finish();
  buffer_.resize(used_);
  return std::move(buffer_);
}

}  // namespace synfate::nftrace
