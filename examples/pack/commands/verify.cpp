#include "commands/verify.hpp"

#include <bobbin/pack/live_chunks.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>

namespace packs {

using namespace bobbin;

Report verify_packs(Repository& repository, const Common& common, unsigned percent) {
    std::atomic<std::uint64_t> read{0}, all{0};
    const Rate rate;
    const Progress line{common, [&] {
                            return fmt::format("{} of {}, {}", readable(Bytes{read.load()}),
                                               readable(Bytes{all.load()}),
                                               rate.of(read.load(), all.load()));
                        }};
    pack::VerifyOptions options;
    options.percent = percent;
    // Another share each day, so that all get their turn.
    options.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                              std::chrono::hours{24});
    options.progress = [&](Bytes done, Bytes of) {
        all = of.value;
        read = done.value;
    };
    auto report = pack::verify_packs(repository.view(), options);
    if (!report) throw repository.failure(report.error(), "verifying");
    return std::move(*report);
}

std::vector<Affected> find_affected(Repository& repository, const Snapshots& snapshots,
                                    const Report& report) {
    auto source = repository.source();
    const pack::ChunkHealth<View, Sha256> health{repository.view(), report};
    const auto is_good = [&](const pack::Address& address) { return health(address); };

    // What several snapshots share is looked at once, as long as all is well.
    pack::LiveChunks live;
    bool is_sound = true;
    for (const auto& snapshot : snapshots.whole)
        is_sound = is_sound && live.add(source, snapshot.root).has_value();
    std::vector<Affected> affected;
    for (const auto& id : snapshots.damaged)
        affected.push_back({{.id = id}, {{}, Error{Errc::digest_mismatch, Operation::read}}});
    if (is_sound && live.all_of([&](const auto& address) { return !health(address); }))
        return affected;
    for (const auto& snapshot : snapshots.whole) {
        auto problems = pack::verify_tree(source, snapshot.root, is_good);
        if (!problems) throw repository.failure(problems.error(), "walking a snapshot");
        for (auto& problem : *problems) affected.push_back({snapshot, std::move(problem)});
    }
    return affected;
}

void print_damage(const Common& common, const Report& report,
                  const std::vector<Affected>& affected) {
    const auto name = [](ObjectId id) { return std::string{std::string_view{ObjectName{id}}}; };
    if (common.is_json) {
        auto packs = Json::array(), chunks = Json::array(), paths = Json::array();
        for (const auto* list : {&report.packs_damaged, &report.unreadable})
            for (const auto& [pack, error] : *list)
                packs.push_back({{"pack", name(pack)}, {"error", describe(error)}});
        for (const auto& [pack, key, error] : report.chunks_damaged)
            chunks.push_back({{"pack", name(pack)}, {"chunk", hex(key)}, {"error", describe(error)}});
        for (const auto& [snapshot, problem] : affected)
            paths.push_back({{"snapshot", long_id(snapshot.id)},
                             {"path", json_text(problem.path)},
                             {"error", describe(problem.error)}});
        print_json({{"packs", report.packs},
                    {"packs_read", report.packs_read},
                    {"chunks_read", report.chunks},
                    {"bytes_read", report.read.value},
                    {"damaged_packs", std::move(packs)},
                    {"damaged_chunks", std::move(chunks)},
                    {"affected", std::move(paths)}});
        return;
    }
    for (const auto& [pack, error] : report.packs_damaged)
        print_line(fmt::format("pack {}: {}", name(pack), describe(error)));
    for (const auto& [pack, error] : report.unreadable)
        print_line(fmt::format("pack {}: the system refuses to read it: {}", name(pack), describe(error)));
    struct Counts {
        std::uint64_t damaged = 0;
        std::uint64_t refused = 0;
    };
    std::map<ObjectId, Counts> packs;
    for (const auto& problem : report.chunks_damaged)
        ++(problem.error.domain == Domain::system ? packs[problem.pack].refused
                                                  : packs[problem.pack].damaged);
    for (const auto& [pack, counts] : packs) {
        if (counts.damaged != 0)
            print_line(fmt::format("pack {}: {} damaged chunks", name(pack), counts.damaged));
        if (counts.refused != 0)
            print_line(fmt::format("pack {}: {} chunks that the disk refuses to read", name(pack),
                                   counts.refused));
    }
    for (const auto& [snapshot, problem] : affected)
        print_line(fmt::format("snapshot {}: {}: {}", short_id(snapshot.id),
                               problem.path.empty() ? "its root" : printable(problem.path),
                               describe(problem.error)));
}

int verify(const Common& common, unsigned percent) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    // Before the packs are listed: of one that is saved meanwhile they may not be there.
    const auto snapshots = repository.snapshots();
    const auto report = verify_packs(repository, common, percent);
    const auto affected = find_affected(repository, snapshots, report);
    print_damage(common, report, affected);
    const bool is_well = report.is_sound() && affected.empty();
    Bytes all;
    for (const auto& row : repository.view().packs()) all += row.size;
    // What may not be read, but for a disk that fails, may be whole.
    const bool is_damaged = !report.packs_damaged.empty() || !report.chunks_damaged.empty() ||
                            !std::ranges::all_of(affected, [](const Affected& of) {
                                const auto& error = of.problem.error;
                                return error.domain == Domain::system && !error.is_errno(EIO);
                            });
    if (!common.is_json && !common.is_quiet)
        print_line(fmt::format("{} packs, {} of them read ({} of {}, {} chunks): {}", report.packs,
                               report.packs_read, readable(report.read), readable(all), report.chunks,
                               is_well           ? report.packs_read == report.packs ? "all is well"
                                                                                     : "what was read is well"
                               : !is_damaged      ? "no damage is found, but not all packs could be read"
                               : affected.empty() ? "damaged, but no snapshot needs what is; `bobbin-pack repair` mends it"
                                                  : "DAMAGED; `bobbin-pack repair` saves what can be saved"));
    return is_well ? exit_ok : is_damaged ? exit_damaged : exit_failed;
}

}  // namespace packs
