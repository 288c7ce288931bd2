#include "net/core.h"

#include <ctime>

#include "net/connection.h"

namespace tatara::net {

void Inbox::SetNetThread(bool running) { net_thread_ = running ? ::pthread_self() : pthread_t{}; }

void Inbox::Post(uint64_t connection, Act act) { Push({connection, std::move(act), false}); }

void Inbox::Answer(uint64_t connection, uint64_t exchange, Response response) {
  if (::pthread_self() == net_thread_.load(std::memory_order_relaxed)) {
    --core_->in_flight;
    if (Connection* found = core_->Find(connection)) found->Answer(exchange, std::move(response));
    return;
  }
  Push({connection,
        [exchange, response = std::move(response)](Connection* found) mutable {
          found->Answer(exchange, std::move(response));
        },
        true});
}

void Inbox::Push(Item item) {
  std::lock_guard lock(mutex_);
  if (!core_) return;
  items_.push_back(std::move(item));
  // One wake-up of the net thread takes all items that have come until it runs.
  if (items_.size() == 1) core_->reactor.Post([core = core_] { core->DrainInbox(); });
}

void Inbox::Close() {
  std::vector<Item> dropped;
  std::lock_guard lock(mutex_);
  core_ = nullptr;
  dropped.swap(items_);
}

std::vector<Inbox::Item> Inbox::Take() {
  std::vector<Item> items;
  std::lock_guard lock(mutex_);
  items.swap(items_);
  return items;
}

Core::Core(const Router& routes, os::WorkPool& work_pool, ServerOptions server_options,
           HttpServer::Guard server_guard)
    : router(routes),
      pool(work_pool),
      options(std::move(server_options)),
      guard(std::move(server_guard)),
      inbox(std::make_shared<Inbox>(*this)) {
  Begin();
}

Core::~Core() {
  inbox->Close();
  // Handlers that still run may read their request's body: the pipes have failed, so they end.
  uploads_.reset();
  followers_pool_.reset();
}

void Core::Settle() {
  while (!changed_.empty()) {
    std::vector<Connection*> changed;
    changed.swap(changed_);
    for (Connection* connection : changed) connection->Resume();
    changed.clear();
    if (changed_.empty()) changed_.swap(changed);  // keeps the memory
  }
}

void Core::ForgetClosed() { closed_.clear(); }

void Core::MarkChanged(Connection& connection) { changed_.push_back(&connection); }

void Core::DrainInbox() {
  for (Inbox::Item& item : inbox->Take()) {
    if (item.answers) --in_flight;
    if (Connection* connection = Find(item.connection)) item.act(connection);
  }
}

Connection* Core::Find(uint64_t id) {
  auto found = connections.find(id);
  return found == connections.end() ? nullptr : found->second.get();
}

void Core::Forget(Connection& connection) {
  auto found = connections.find(connection.id());
  if (found == connections.end()) return;
  closed_.push_back(std::move(found->second));
  connections.erase(found);
}

std::string_view Core::Date() {
  if (date_.empty() || now - date_made_ >= std::chrono::milliseconds(500)) {
    date_made_ = now;
    const std::time_t seconds = ToMicros(clock_.Now()) / 1'000'000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, size);
  }
  return date_;
}

os::WorkPool& Core::Uploads() {
  if (!uploads_) uploads_ = std::make_unique<os::WorkPool>("net-upload", options.uploads_max);
  return *uploads_;
}

os::WorkPool& Core::Followers() {
  if (!followers_pool_) {
    followers_pool_ = std::make_unique<os::WorkPool>("net-follow", options.followers_max);
  }
  return *followers_pool_;
}

}  // namespace tatara::net
