// When each flow of a case ends, by SimGrid: what our network model is checked against and measured
// beside. Plain max-min: latencies are 0, all of SimGrid's corrections for TCP are off.
//
// Input, numbers apart by white space:
//   sites flows core_bps (0: the core has no port of its own)
//   a site:  uplink_up_bps uplink_down_bps lan_bps is_bus node_bps (0: none) nodes
//   a flow:  start source_site source_node target_site target_node bytes (site -1: the core)
// Output: the CPU time of solving in ms, then the end of each flow in s.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>
#include <simgrid/s4u.hpp>
#include <unistd.h>

namespace sg = simgrid::s4u;
using Links = std::vector<sg::LinkInRoute>;

struct Flow {
  double start;
  sg::Host *source, *target;
  uint64_t bytes;
};

static sg::Link *add_link(sg::NetZone *zone, const std::string &name, double bps) {
  return zone->create_link(name, bps / 8)->set_latency(0)->seal();
}

static Links around(sg::Link *first, sg::Link *second) {
  Links links;
  if (first != nullptr) links.emplace_back(first);
  if (second != nullptr) links.emplace_back(second);
  return links;
}

/** A zone of its own, since a zone holds either hosts or zones. */
static sg::Host *add_core(sg::NetZone *root, double bps) {
  auto *zone = sg::create_star_zone("core-zone");
  zone->set_parent(root);
  auto *core = zone->create_host("core", 1e9);
  zone->seal();
  auto *up = bps > 0 ? add_link(root, "core-up", bps) : nullptr;
  auto *down = bps > 0 ? add_link(root, "core-down", bps) : nullptr;
  auto *point = core->get_netpoint();
  root->add_route(zone->get_netpoint(), nullptr, point, nullptr, around(up, nullptr), false);
  root->add_route(nullptr, zone->get_netpoint(), nullptr, point, around(down, nullptr), false);
  return core;
}

static std::vector<sg::Host *> add_site(sg::NetZone *root, const std::string &name) {
  double up_bps, down_bps, lan_bps, node_bps;
  int is_bus, nodes;
  std::cin >> up_bps >> down_bps >> lan_bps >> is_bus >> node_bps >> nodes;
  auto *zone = sg::create_star_zone(name);
  zone->set_parent(root);
  auto *gateway = zone->create_router(name + "-gateway");
  auto *lan = is_bus ? add_link(zone, name + "-lan", lan_bps) : nullptr;
  const double port_bps = is_bus ? node_bps : lan_bps;
  std::vector<sg::Host *> hosts;
  for (int node = 0; node < nodes; node++) {
    const auto id = name + "-" + std::to_string(node);
    auto *host = zone->create_host(id, 1e9);
    auto *up = port_bps > 0 ? add_link(zone, id + "-up", port_bps) : nullptr;
    auto *down = port_bps > 0 ? add_link(zone, id + "-down", port_bps) : nullptr;
    zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, around(up, lan), false);
    zone->add_route(nullptr, host->get_netpoint(), nullptr, nullptr, around(lan, down), false);
    host->seal();
    hosts.push_back(host);
  }
  zone->seal();
  auto *up = add_link(root, name + "-up", up_bps);
  auto *down = add_link(root, name + "-down", down_bps);
  root->add_route(zone->get_netpoint(), nullptr, gateway, nullptr, around(up, nullptr), false);
  root->add_route(nullptr, zone->get_netpoint(), nullptr, gateway, around(down, nullptr), false);
  return hosts;
}

int main(int count, char **words) {
  sg::Engine engine(&count, words);
  for (const char *setting :
       {"network/model:CM02", "network/crosstraffic:0", "network/TCP-gamma:0", "network/weight-S:0",
        "network/bandwidth-factor:1", "network/latency-factor:1", "network/loopback-lat:0"})
    sg::Engine::set_config(setting);

  size_t site_count, flow_count;
  double core_bps;
  std::cin >> site_count >> flow_count >> core_bps;
  auto *root = sg::create_star_zone("root");
  auto *core = add_core(root, core_bps);
  std::vector<std::vector<sg::Host *>> sites;
  for (size_t site = 0; site < site_count; site++)
    sites.push_back(add_site(root, "s" + std::to_string(site)));
  root->seal();

  const auto end = [&] {
    int site, node;
    std::cin >> site >> node;
    return site < 0 ? core : sites.at(site).at(node);
  };
  std::vector<Flow> flows(flow_count);
  for (auto &flow : flows) {
    std::cin >> flow.start;
    flow.source = end();
    flow.target = end();
    std::cin >> flow.bytes;
  }
  if (!std::cin) return 2;
  std::vector<size_t> order(flow_count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return flows[a].start < flows[b].start; });
  std::vector<sg::CommPtr> transfers(flow_count);
  sg::Actor::create("driver", core, [&] {
    for (size_t place : order) {
      const auto &flow = flows[place];
      sg::this_actor::sleep_until(flow.start);
      transfers[place] = sg::Comm::sendto_async(flow.source, flow.target, flow.bytes);
    }
    for (auto &transfer : transfers) transfer->wait();
  });
  const clock_t before = clock();
  engine.run();
  printf("%.3f\n", 1e3 * (clock() - before) / CLOCKS_PER_SEC);
  for (auto &transfer : transfers) printf("%.17g\n", transfer->get_finish_time());
  fflush(stdout);
  // Taking the platform down takes longer than some cases.
  _exit(0);
}
