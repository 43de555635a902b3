// What the file wrappers cost and keep, each way to write a file in turn: throughput, the time of a call, the final sync,
// and the bytes that are dirty and cached, as the kernel counts them. A figure that misses its gate says so.
//
//   bench_file_wrappers [--size MiB] [--repeat N] [--place FOLDER] [--trace FILE] [--mode NAME ...] [fast|small|patch|slow|hot|faults ...]
//
// A trace is what plot_file_wrappers.py draws: of each mode at 80 MB/s, how long each write took, and what was dirty.
#include <bobbin/file/auto.hpp>
#include <bobbin/file/background.hpp>
#include <bobbin/file/nfs_skip.hpp>
#include <bobbin/file/no_op.hpp>
#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "disks.hpp"
#include "older_writeback.hpp"

#include "support/file_modes.hpp"

using namespace bobbin;
using namespace benchmarks;
using bobbin_tests::ThrottledDisk, bobbin_tests::MemoryGroup, bobbin_tests::bytes_read_from_disk;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

namespace {

constexpr std::uint64_t mib = 1 << 20;
const std::uint64_t cap = WritebackOptions{}.cap.value;

struct Work {
    std::uint64_t size = 1024 * mib;
    std::size_t call = mib;  // bytes of a write
    std::uint64_t patch_every =
        0;                    // 8 bytes at the start of each so many bytes, once they are written
    bool is_sampled = false;  // by a thread that asks the kernel, which costs time
};

// What a value was at a time, in seconds from the start.
using Series = std::vector<std::pair<double, double>>;

struct Run {
    double throughput = 0;                                     // MB/s, the sync included
    double p50 = 0, p99 = 0, p999 = 0, longest = 0, sync = 0;  // ms
    double dirty = 0, cached = 0, left = 0;                    // MiB
    Series calls_over_time, dirty_over_time;                   // ms, MiB; where sampled
};

double now() { return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}
[[noreturn]] void die(const char* what, const Error& error) {
    std::fprintf(stderr, "%s: %s\n", what, describe(error).c_str());
    std::exit(1);
}
double in_mib(Bytes bytes) { return static_cast<double>(bytes.value) / mib; }

// Looks every few ms, until it is gone.
class Sampler {
public:
    explicit Sampler(const PosixFile& file)
        : file_{std::move(*file.reopen())}
        , thread_{[this](std::stop_token stop) {
            const auto start = now();
            while (!stop.stop_requested()) {
                if (const auto status = file_.cache_status()) {
                    const auto not_on_disk = in_mib(status->dirty + status->writeback);
                    over_time_.emplace_back(now() - start, not_on_disk);
                    dirty = std::max(dirty.load(), not_on_disk);
                    cached = std::max(cached.load(), in_mib(status->cached));
                }
                std::this_thread::sleep_for(5ms);
            }
        }} {}
    std::atomic<double> dirty = 0, cached = 0;
    Series stop() {
        thread_ = {};
        return std::move(over_time_);
    }

private:
    PosixFile file_;
    Series over_time_;
    std::jthread thread_;
};

template <class F>
void patch(F& file, std::uint64_t offset) {
    if constexpr (requires { file.write_at(ByteView{}, offset); })
        if (auto patched = file.write_at(as_bytes("SEEKHEAD"), offset); !patched)
            die("patch", patched.error());
}

template <class F>
Run write(F file, const Work& work) {
    static const std::vector<std::byte> bytes(16 * mib, std::byte{0x5a});
    Run run;
    std::optional<Sampler> sampler;
    if (work.is_sampled) sampler.emplace(lowest_layer(file));
    std::vector<double> calls;
    calls.reserve(work.size / work.call);
    const auto start = now();
    for (std::uint64_t at = 0; at < work.size; at += work.call) {
        const auto before = now();
        const auto got = file.append(ByteView{bytes}.first(work.call));
        if (!got) die("write", got.error());
        if (work.patch_every != 0 && (at + work.call) % work.patch_every == 0)
            patch(file, at + work.call - work.patch_every);
        calls.push_back((now() - before) * 1e3);
        if (work.is_sampled) run.calls_over_time.emplace_back(before - start, calls.back());
    }
    const auto written = now();
    if (auto synced = file.sync(); !synced) die("sync", synced.error());
    const auto end = now();
    run.sync = (end - written) * 1e3;
    run.throughput = static_cast<double>(work.size) / 1e6 / (end - start);
    std::ranges::sort(calls);
    const auto at = [&](double share) {
        return calls[static_cast<std::size_t>(share * static_cast<double>(calls.size() - 1))];
    };
    run.p50 = at(0.5), run.p99 = at(0.99), run.p999 = at(0.999), run.longest = calls.back();
    if (const auto status = lowest_layer(file).cache_status()) run.left = in_mib(status->cached);
    if (sampler) {
        run.dirty_over_time = sampler->stop();
        run.dirty = sampler->dirty, run.cached = sampler->cached;
    }
    (void)file.close();
    return run;
}

using Mode = std::function<Run(PosixFile, const Work&)>;
struct Named {
    const char* name;
    Mode mode;
};

BackgroundOptions with_ring() {
    BackgroundOptions options;
    options.ring = 16_MiB;
    return options;
}

const std::vector<Named>& modes() {
    static const std::vector<Named> all = {
        {"plain", [](PosixFile f, const Work& w) { return write(NoOp{std::move(f)}, w); }},
        {"older",
         [](PosixFile f, const Work& w) {
             return write(bobbin_tests::OlderWriteback{std::move(f)}, w);
         }},
        {"kick_only", [](PosixFile f, const Work& w) { return write(KickOnly{std::move(f)}, w); }},
        {"o_direct", [](PosixFile f, const Work& w) { return write(Direct{std::move(f)}, w); }},
        {"writeback", [](PosixFile f, const Work& w) { return write(Writeback{std::move(f)}, w); }},
        {"uncached", [](PosixFile f, const Work& w) { return write(Uncached{std::move(f)}, w); }},
        {"nfs_skip", [](PosixFile f, const Work& w) { return write(NfsSkip{std::move(f)}, w); }},
        {"auto", [](PosixFile f, const Work& w) { return write(Auto{std::move(f)}, w); }},
        {"background",
         [](PosixFile f, const Work& w) { return write(Background{std::move(f)}, w); }},
        {"ring",
         [](PosixFile f, const Work& w) {
             return write(Background{std::move(f), with_ring()}, w);
         }},
    };
    return all;
}

bool can_count = true;
std::vector<std::string> only;  // modes that were asked for; empty: all

// One line a figure. `gate` is empty, or says whether the figure holds.
void figure(const std::string& name, double value, const char* unit, const char* rival,
            double other, std::optional<bool> gate = {}) {
    std::printf("%s %.4g %s (%s %.4g, ratio %.3g)%s\n", name.c_str(), value, unit, rival, other,
                other != 0 ? value / other : 0, gate && !*gate ? " missed" : "");
    std::fflush(stdout);
}

class Bench {
public:
    Bench(std::string place, unsigned repeat) : place_{std::move(place)}, repeat_{repeat} {}

    // All modes in turn, and again, so that a change of the machine's speed hits all. Medians of what is timed without,
    // and the largest of what is counted with the sampler.
    std::map<std::string, Run> run(const std::vector<std::string>& names, Work work) {
        auto directory = *PosixDirectory::open(place_);
        std::map<std::string, std::vector<Run>> runs;
        std::map<std::string, Run> out;
        for (unsigned n = 0; n <= repeat_; ++n)
            for (const auto& [name, mode] : modes()) {
                if (std::ranges::find(names, name) == names.end()) continue;
                if (!only.empty() && std::ranges::find(only, name) == only.end()) continue;
                work.is_sampled = n == 0 && can_count;
                if (n == 0 && !can_count) continue;
                auto file = directory.create(ObjectId{++last_});
                if (!file) die("create", file.error());
                const auto once = mode(std::move(*file), work);
                if (auto removed = directory.remove(ObjectId{last_}); !removed)
                    die("remove", removed.error());
                if (n == 0)
                    out[name] = once;
                else
                    runs[name].push_back(once);
            }
        for (const auto& [name, each] : runs) {
            auto& all = out[name];
            const auto mid = [&](double Run::*what) {
                std::vector<double> values;
                for (const auto& once : each) values.push_back(once.*what);
                return median(std::move(values));
            };
            for (const auto what : {&Run::throughput, &Run::p50, &Run::p99, &Run::p999,
                                    &Run::longest, &Run::sync, &Run::left})
                all.*what = mid(what);
        }
        return out;
    }

private:
    std::string place_;
    unsigned repeat_;
    std::uint32_t last_ = 0;
};

const std::vector<std::string> all_names = {"plain",      "older",    "kick_only", "o_direct",
                                            "writeback",  "uncached", "nfs_skip",  "auto",
                                            "background", "ring"};

bool is_ours(const std::string& name) {
    return name != "plain" && name != "older" && name != "kick_only" && name != "o_direct";
}

void print(const std::string& part, const std::map<std::string, Run>& runs) {
    const auto found = runs.find("older");
    const auto older = found != runs.end() ? found->second : Run{};
    for (const auto& [name, run] : runs) {
        const auto line = [&](const char* what, double Run::*value, const char* unit) {
            figure(part + ' ' + name + ' ' + what, run.*value, unit, "older", older.*value);
        };
        line("throughput", &Run::throughput, "MB/s");
        line("p50", &Run::p50, "ms");
        line("p99", &Run::p99, "ms");
        line("p99.9", &Run::p999, "ms");
        line("longest", &Run::longest, "ms");
        line("final_sync", &Run::sync, "ms");
        if (!can_count) continue;
        line("peak_dirty", &Run::dirty, "MiB");
        line("peak_cached", &Run::cached, "MiB");
        line("left", &Run::left, "MiB");
    }
}

void fast(const std::string& place, unsigned repeat, std::uint64_t size) {
    Bench bench{place, repeat};
    auto runs = bench.run(all_names, {.size = size});
    print("fast", runs);
    const auto& plain = runs["plain"];
    for (const auto& [name, least] :
         {std::pair{"uncached", 4.0}, {"writeback", 3.0}, {"auto", 4.0}})
        figure(std::string{"gate fast "} + name + " throughput", runs[name].throughput, "MB/s",
               "plain", plain.throughput, runs[name].throughput >= least * plain.throughput);
    if (!can_count) return;
    for (const auto* name : {"writeback", "uncached", "auto", "background", "ring"})
        if (runs.contains(name))
            figure(std::string{"gate fast "} + name + " left", runs[name].left, "MiB", "older",
                   runs["older"].left, runs[name].left <= 1);
    for (const auto& name : all_names)
        if (is_ours(name) && runs.contains(name))
            figure("gate fast " + name + " peak_dirty", runs[name].dirty, "MiB", "older",
                   runs["older"].dirty, runs[name].dirty <= static_cast<double>(cap) / mib);
}

void small_writes(const std::string& place, unsigned repeat) {
    Bench bench{place, repeat};
    const std::vector<std::string> names = {"plain",    "older", "writeback",
                                            "uncached", "auto",  "ring"};
    auto runs = bench.run(names, {.size = 512 * mib, .call = 4096});
    for (const auto& name : names)
        if (runs.contains(name))
            figure("small " + name + " throughput", runs[name].throughput, "MB/s", "plain",
                   runs["plain"].throughput);
}

void patches(const std::string& place, unsigned repeat) {
    if (!can_count) return;
    for (const std::uint64_t every : {2, 16}) {
        Bench bench{place, repeat};
        auto runs =
            bench.run({"plain", "older", "writeback", "uncached", "auto", "background", "ring"},
                      {.size = 1024 * mib, .patch_every = every * mib});
        const auto part = "patch_" + std::to_string(every);
        print(part, runs);
        for (const auto* name : {"writeback", "uncached", "auto", "background", "ring"})
            if (runs.contains(name))
                figure("gate " + part + ' ' + name + " peak_dirty", runs[name].dirty, "MiB",
                       "older", runs["older"].dirty,
                       runs[name].dirty <= static_cast<double>(cap) / mib);
    }
}

bool write_trace(const std::string& path, const std::map<std::string, Run>& runs) {
    auto* file = std::fopen(path.c_str(), "w");
    if (!file) return false;
    std::fputs("mode,what,seconds,value\n", file);
    for (const auto& [name, run] : runs)
        for (const auto& [what, series] :
             {std::pair{"call_ms", &run.calls_over_time}, {"dirty_mib", &run.dirty_over_time}})
            for (const auto& [at, value] : *series)
                std::fprintf(file, "%s,%s,%.4f,%.4g\n", name.c_str(), what, at, value);
    return std::fclose(file) == 0;
}

void slow(const std::string& place, std::uint64_t size, const std::string& trace) {
    for (const std::uint64_t speed : {80, 200}) {
        const auto bytes = speed == 80 ? std::min(size, 1024 * mib) : size;
        const ThrottledDisk disk{place, bytes + 512 * mib, speed * 1'000'000};
        const auto part = "slow_" + std::to_string(speed);
        if (!disk.is_there()) {
            std::printf("%s skipped: %s\n", part.c_str(), disk.why().c_str());
            continue;
        }
        Bench bench{disk.place(), 1};
        auto runs =
            bench.run(speed == 80 ? all_names
                                  : std::vector<std::string>{"plain", "older", "writeback",
                                                             "uncached", "background", "ring"},
                      {.size = bytes});
        print(part, runs);
        if (speed == 80 && !trace.empty() && !write_trace(trace, runs))
            std::perror(trace.c_str()), std::exit(1);
        for (const auto* name : {"writeback", "uncached", "background", "ring"}) {
            if (!runs.contains(name)) continue;
            const auto gate = "gate " + part + ' ' + name;
            const auto& run = runs[name];
            const auto& older = runs["older"];
            if (speed == 80) {
                figure(gate + " longest", run.longest, "ms", "older", older.longest,
                       run.longest <= 250);
                if (can_count)
                    figure(gate + " peak_dirty", run.dirty, "MiB", "older", older.dirty,
                           run.dirty <= static_cast<double>(cap) / mib);
                const auto direct = runs["o_direct"].throughput;
                figure(gate + " throughput", run.throughput, "MB/s", "o_direct", direct,
                       run.throughput >= 0.98 * direct);
            } else {
                figure(gate + " final_sync", run.sync, "ms", "older", older.sync, run.sync <= 350);
            }
        }
    }
}

// A reader of 440 MiB and a writer of 2 GiB share 512 MiB of memory: what has the reader to read again?
void hot_reader(const std::string& place) {
    const MemoryGroup group{512 * mib};
    if (!group.is_there()) {
        std::puts("hot skipped: no memory group of cgroup v1, or not run by root");
        return;
    }
    std::map<std::string, double> again;
    for (const auto& [name, mode] : modes()) {
        if (std::string_view{"plain older writeback uncached background"}.find(name) ==
            std::string_view::npos)
            continue;
        int ends[2];
        if (::pipe(ends) != 0) return;
        if (const auto child = ::fork(); child == 0) {
            if (!group.enter()) std::_Exit(1);
            auto directory = *PosixDirectory::open(place);
            auto hot = *directory.create(ObjectId{StreamId{2}, 1});
            const std::vector<std::byte> bytes(mib, std::byte{1});
            {
                Writeback filling{std::move(hot)};
                for (int i = 0; i < 440; ++i) (void)filling.append(bytes);
                (void)filling.sync();
            }
            auto reading = *directory.open(ObjectId{StreamId{2}, 1});
            std::vector<std::byte> to(mib);
            const auto read_all = [&] {
                for (std::uint64_t i = 0; i < 440; ++i) (void)reading.read_at(to, i * mib);
            };
            for (int i = 0; i < 3; ++i) read_all();
            const auto before = bytes_read_from_disk();
            {
                const std::jthread reader{[&](std::stop_token stop) {
                    while (!stop.stop_requested()) read_all();
                }};
                (void)mode(*directory.create(ObjectId{StreamId{2}, 2}), {.size = 2048 * mib});
            }
            const auto read = static_cast<double>(bytes_read_from_disk() - before) / mib;
            (void)directory.remove(ObjectId{StreamId{2}, 1});
            (void)directory.remove(ObjectId{StreamId{2}, 2});
            (void)!::write(ends[1], &read, sizeof read);
            std::_Exit(0);
        } else {
            ::close(ends[1]);
            double read = -1;
            if (::read(ends[0], &read, sizeof read) != sizeof read) read = -1;
            ::close(ends[0]);
            int status = 0;
            ::waitpid(child, &status, 0);
            again[name] = read;
        }
    }
    for (const auto& [name, read] : again) {
        const bool is_gate = name != "plain" && name != "older";
        figure(std::string{is_gate ? "gate " : ""} + "hot " + name + " read_again", read, "MiB",
               "older", again["older"],
               is_gate ? std::optional{read >= 0 && read <= 2} : std::nullopt);
    }
}

// Lost pages and hung disks, simulated: 1 stands for an error that was told.
void faults() {
    using testing::FaultyFs, testing::SimFs;
    const auto told = [](auto wrap) {
        FaultyFs<SimFs> fs;
        auto directory =
            *FsDirectory<FaultyFs<SimFs>>::open("/sim", RootMode::create_if_missing, fs);
        auto file = wrap(*directory.create(ObjectId{1}));
        fs.plan().add(
            {testing::Call::start_writeback, 2, false, EIO, testing::Fault::Effect::lose_pages});
        const std::vector<std::byte> bytes(mib);
        for (int i = 0; i < 128; ++i)
            if (!file.append(bytes)) break;
        return file.sync() ? 0.0 : 1.0;
    };
    using Sim = File<FaultyFs<SimFs>>;
    const auto older = told([](Sim f) { return bobbin_tests::OlderWriteback{std::move(f)}; });
    const auto ours = told([](Sim f) { return Writeback{std::move(f)}; });
    figure("gate eio writeback told", ours, "errors", "older", older, ours == 1);

    struct Hung : SimFs {
        Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
            while (is_shut->load()) std::this_thread::sleep_for(1ms);
            return SimFs::write_at(h, from, offset);
        }
        std::shared_ptr<std::atomic<bool>> is_shut = std::make_shared<std::atomic<bool>>(false);
    } fs;
    auto directory = *FsDirectory<Hung>::open("/sim", RootMode::create_if_missing, fs);
    auto options = with_ring();
    options.writeback.wait_deadline = options.writeback.sync_deadline = 200ms;
    Background file{*directory.create(ObjectId{1}), options};
    *fs.is_shut = true;
    const std::vector<std::byte> bytes(20 * mib);
    double longest = 0;
    const auto timed = [&](auto call) {
        const auto start = now();
        (void)call();
        longest = std::max(longest, (now() - start) * 1e3);
    };
    timed([&] { return file.append(bytes); });
    timed([&] { return file.append(bytes); });
    timed([&] { return file.flush(); });
    timed([&] { return file.sync(); });
    timed([&] { return file.close(); });
    figure("gate hang ring longest_call", longest, "ms", "deadline", 200, longest <= 250);
    *fs.is_shut = false;
    while (abandoned_workers() != 0) std::this_thread::sleep_for(1ms);
}

}  // namespace

int main(int argc, char** argv) {
    std::string place = ".", trace;
    unsigned repeat = 3;
    std::uint64_t size = 6144 * mib;
    std::vector<std::string> parts;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word{argv[i]};
        if (word == "--size" && i + 1 < argc)
            size = std::strtoull(argv[++i], nullptr, 10) * mib;
        else if (word == "--repeat" && i + 1 < argc)
            repeat = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
        else if (word == "--place" && i + 1 < argc)
            place = argv[++i];
        else if (word == "--trace" && i + 1 < argc)
            trace = argv[++i];
        else if (word == "--mode" && i + 1 < argc)
            only.emplace_back(argv[++i]);
        else
            parts.emplace_back(word);
    }
    if (size == 0 || repeat == 0)
        return std::fputs("a size and a number of repetitions are positive\n", stderr), 1;
    const auto wanted = [&](const char* part) {
        return parts.empty() || std::ranges::find(parts, part) != parts.end();
    };
    place += "/bobbin-benchmark";
    if (auto made = PosixDirectory::open(place, RootMode::create_if_missing); !made)
        die(place.c_str(), made.error());
    {
        auto directory = *PosixDirectory::open(place);
        auto probe = *directory.create(ObjectId{1});
        (void)probe.append(as_bytes("probe"));
        const auto status = probe.cache_status();
        can_count = status && status->cached != Bytes{};
        if (!can_count)
            std::puts("cached and dirty bytes skipped: the kernel does not count them here");
        (void)directory.remove(ObjectId{1});
    }
    if (wanted("faults")) faults();
    if (wanted("hot")) hot_reader(place);
    if (wanted("patch")) patches(place, repeat);
    if (wanted("fast")) fast(place, repeat, size);
    if (wanted("small")) small_writes(place, repeat);
    if (wanted("slow")) slow(place, size, trace);
    ::rmdir(place.c_str());
}
