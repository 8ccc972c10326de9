#include "cacheismo/io/name_lookup.h"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::io {

struct NameLookup::Batch {
  Resolve resolve;
  std::vector<std::string> names;

  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;  ///< guarded by mutex, as is found
  Found found;
};

NameLookup::NameLookup(Resolve resolve) : resolve_(std::move(resolve)) {}

NameLookup::~NameLookup() = default;

void NameLookup::start(std::vector<std::string> names) {
  CHECK(!busy());
  batch_ = std::make_shared<Batch>();
  batch_->resolve = resolve_;
  batch_->names = std::move(names);
  // A new thread inherits the signals that are blocked.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
  auto own = std::make_unique<std::shared_ptr<Batch>>(batch_);
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, &run, own.get());
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  if (error == 0) {
    (void)own.release();  // run() has it
    CHECK_EQ(pthread_detach(thread), 0);
    return;
  }
  for (const std::string& name : batch_->names)
    batch_->found.emplace(name, failure(std::string("no thread: ") + std::strerror(error)));
  batch_->done = true;
}

void* NameLookup::run(void* batch) {
  const std::unique_ptr<std::shared_ptr<Batch>> own(static_cast<std::shared_ptr<Batch>*>(batch));
  Batch& work = **own;
  Found found;
  for (const std::string& name : work.names) found.emplace(name, work.resolve(name));
  const std::lock_guard lock(work.mutex);
  work.found = std::move(found);
  work.done = true;
  work.ended.notify_all();
  return nullptr;
}

std::optional<NameLookup::Found> NameLookup::take(Duration patience) {
  CHECK(busy());
  std::optional<Found> found;
  {
    std::unique_lock lock(batch_->mutex);
    if (!batch_->ended.wait_for(lock, patience, [this] { return batch_->done; }))
      return std::nullopt;
    found = std::move(batch_->found);
  }
  batch_.reset();
  return found;
}

}  // namespace cacheismo::io
