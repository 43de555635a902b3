// Prints what marks cost: transactions, syncs and written bytes a second, with 1, 8 and 32 streams of 30 records of 2 KiB a
// second, on a simulated disk that counts calls.

#include <bobbin/bobbin.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/sqlite.hpp>
#include <bobbin/testing/sqlite_on_sim.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace bobbin;
using namespace std::chrono_literals;

namespace {

using Fs = testing::TracingFs<testing::SimFs>;
using Archive = bobbin::Archive<File<Fs>, VideoIndex, SqliteStore, ManualClock>;

constexpr int seconds = 20, rate = 30;
constexpr std::size_t record_size = 2048;

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "figures_marks: %s\n", describe(result.error()).c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Costs {
    double transactions = 0, syncs = 0, store_bytes = 0, data_bytes = 0;
};

Costs measure(int streams, const SyncerOptions& options) {
    Fs fs;
    (void)fs.close(must(fs.open_root("/sim/db", RootMode::create_if_missing)));
    const testing::ScopedSqliteOn<Fs> sqlite{fs};
    auto store = must(SqliteStore::open("/sim/db/catalog.db", {.reserve = Bytes{0}}, fs));
    const ManualClock clock;
    Committer committer{store, clock};
    auto directory = must(FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs));
    auto syncer = must(Archive::Syncer::open(std::move(directory), committer, options, clock));
    std::vector<Archive::Writer> writers;
    for (int n = 0; n < streams; ++n)
        writers.push_back(must(syncer.writer(must(store.stream("camera " + std::to_string(n))))));
    Costs costs;
    const std::vector<std::byte> bytes(record_size);
    const auto pass = [&] {
        syncer.step();
        while (committer.step()) ++costs.transactions;
    };
    pass();
    costs = {};
    fs.trace().keep(false);
    fs.trace().on_call([&](const testing::TracedCall& call) {
        const bool is_data = call.path.starts_with("/sim/footage");
        if (call.call == testing::Call::sync || call.call == testing::Call::sync_directory) ++costs.syncs;
        if (call.call == testing::Call::write)
            (is_data ? costs.data_bytes : costs.store_bytes) += static_cast<double>(call.done);
    });
    for (int frame = 0; frame < seconds * rate; ++frame) {
        for (auto& writer : writers) must(writer.append(bytes, {MediaDuration{3000}, frame % rate == 0}));
        clock.advance(std::chrono::nanoseconds{1s} / rate);
        pass();
    }
    fs.trace().on_call({});
    for (auto* cost : {&costs.transactions, &costs.syncs, &costs.store_bytes, &costs.data_bytes}) *cost /= seconds;
    return costs;
}

}  // namespace

int main() {
    for (const int streams : {1, 8, 32})
        for (const auto& [name, hard, soft] : {std::tuple{"none", 0s, 0s}, {"hard", 5s, 0s}, {"hard and soft", 5s, 1s}}) {
            const auto costs = measure(streams, {.create = true,
                                                 .memory = Bytes{256u << 20},
                                                 .mark_interval = hard,
                                                 .soft_mark_interval = soft});
            const auto print = [&](const char* what, double value, const char* unit) {
                std::printf("%d streams, marks %s, %s %.1f %s\n", streams, name, what, value, unit);
            };
            print("transactions", costs.transactions, "/s");
            print("syncs", costs.syncs, "/s");
            print("written to the store", costs.store_bytes / 1024, "KiB/s");
            print("written to data files", costs.data_bytes / 1024, "KiB/s");
        }
}
