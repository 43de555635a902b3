#include "cli/service.hpp"

#include "api/api.hpp"
#include "camera/camera_worker.hpp"
#include "catalog/schema.hpp"
#include "cli/log.hpp"
#include "cli/sizes.hpp"

#include <bobbin/scrubber.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

namespace nvr {

using namespace bobbin;

namespace {

template <class T>
T need(Result<T> result, const std::string& what, const std::string& path) {
    if (result) return std::move(*result);
    throw ServiceError{what + ": " + SqliteStore::describe(result.error(), path)};
}
void need(Result<void> result, const std::string& what, const std::string& path) {
    if (!result) throw ServiceError{what + ": " + SqliteStore::describe(result.error(), path)};
}

SqliteStore open_store(const std::string& directory) {
    make_directory(directory);
    const auto path = catalog_path(directory);
    SqliteOptions options;
    options.schema = {nvr_schema};
    auto store = SqliteStore::open(path, options);
    if (!store && store.error().kind() == ErrorKind::locked)
        throw ServiceError{"another recorder is running on " + directory + "; stop it first, or use it"};
    return need(std::move(store), "cannot open the catalog", path);
}

/// 90 % of what is free, or taken by recordings already.
Bytes space_for_recordings(const std::string& directory, const std::vector<Camera>& cameras) {
    std::error_code error;
    const auto space = std::filesystem::space(directory, error);
    if (error) throw ServiceError{"cannot ask for the free space of " + directory + ": " + error.message()};
    Bytes all{space.available};
    for (const auto& camera : cameras)
        for (const auto& stream : camera.streams) all += stream.allocated;
    return Bytes{all.value / 10 * 9};
}

/// So small a share keeps nothing worth having.
constexpr Bytes least_share = 64_MiB;

/// Before anything is stored: the shares of the cameras without a quota may not go to nothing, and their
/// recordings with them, because the quotas of the others are set to more than there is.
void check_quotas(const ServiceOptions& options, const std::vector<Camera>& cameras, Bytes space) {
    std::map<std::string, std::optional<Bytes>> quotas;
    for (const auto& camera : cameras)
        for (const auto& stream : camera.streams) quotas[camera.name] = stream.retain;
    for (const auto& camera : options.cameras) {
        auto& quota = quotas[camera.name];
        if (options.retain) quota = options.retain;
    }
    Bytes taken;
    std::uint64_t sharing = 0;
    for (const auto& [name, quota] : quotas) {
        taken += quota.value_or(Bytes{});
        sharing += quota ? 0 : 1;
    }
    if (taken == Bytes{} || sharing == 0 || (space - taken).value / sharing >= least_share.value) return;
    throw ServiceError{"the quotas that were set take " + readable(taken) + " of the " + readable(space) +
                       " that recordings may take here; nothing would be left for the " + std::to_string(sharing) +
                       " cameras without a quota, and their recordings would be deleted. Give smaller quotas: "
                       "--camera NAME=URL --retain SIZE"};
}

}  // namespace

void make_directory(const std::string& path) {
    std::error_code error;
    if (std::filesystem::create_directories(path, error))
        std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error) throw ServiceError{"cannot make the directory " + path + ": " + error.message()};
}

std::string catalog_path(const std::string& directory) { return directory + "/catalog.db"; }
std::string footage_path(const std::string& directory) { return directory + "/footage"; }

// From the ground up: what stands later is ended first.
struct Service::Parts {
    explicit Parts(ServiceOptions given)
        : options{std::move(given)},
          server{std::in_place, options.server, [this](const http::Request& r) { return router->answer(r); }},
          store{open_store(checked_directory())} {
        need(entries.load(store), "cannot read the catalog", store.path());
        const auto known = need(catalog.cameras(), "cannot read the catalog", store.path());
        check_quotas(options, known, space_for_recordings(options.directory, known));
        for (const auto& camera : options.cameras)
            need(catalog.put_camera(camera.name, camera.url, options.retain),
                 "cannot store the camera " + camera.name, store.path());
        const auto cameras = need(catalog.cameras(), "cannot read the catalog", store.path());
        need(catalog.share_space(space_for_recordings(options.directory, cameras)), "cannot set the quotas",
             store.path());
        SyncerOptions with;
        with.create = !has_footage();
        with.when_full = WhenFull::drop;
        const auto path = footage_path(options.directory);
        syncer.emplace(need(Recorder::Syncer::open(path, committer, with, RecorderObserver{counters}),
                            "cannot open the recordings", path));
        threads.emplace(run_all(committer, *syncer));
        if (options.scrub.value != 0) {
            ScrubOptions at;
            at.rate = options.scrub;
            scrubber.emplace(*syncer, at);
            scrubbing.emplace(scrubber->start());
        }
        start_cameras(cameras);
        start_server();
    }

    /// First of all: a request must not see what is going away.
    ~Parts() {
        server.reset();
        counters->withdrawals.listen({});
    }

    /// Before anything is made in it.
    const std::string& checked_directory() const {
        if (!server->is_loopback() && !options.allow_unauthenticated)
            throw ServiceError{"refusing to listen on " + options.server.host +
                               ": no user can log in yet, so everybody on the network could watch. Listen on "
                               "127.0.0.1, or say --allow-unauthenticated if that is what you want"};
        return options.directory;
    }

    /// Where the store knows the recordings, a directory without its identity is another: the mount point
    /// of a disk that is missing, for one.
    bool has_footage() {
        auto reader = need(store.reader(), "cannot read the catalog", store.path());
        const auto all = need(reader.directories(), "cannot read the catalog", store.path());
        return std::ranges::any_of(all, [](const DirectoryRow& row) { return row.last_open.value != 0; });
    }

    void start_cameras(const std::vector<Camera>& cameras) {
        std::uint32_t count = 0, number = 0;
        for (const auto& camera : cameras) count += static_cast<std::uint32_t>(camera.streams.size());
        if (count == 0) log::warn("no cameras yet: start with --camera NAME=URL to add one");
        for (const auto& camera : cameras)
            for (const auto& stream : camera.streams) {
                CameraOptions with;
                with.label = camera.name + "/" + std::string{name_of(stream.kind)};
                with.url = stream.url;
                with.run.interval = ticks_from<WallDuration>(options.rotate);
                with.run.offset = media::stagger(with.run.interval, number++, count);
                auto writer = need(syncer->writer(stream.id), "cannot record " + with.label, store.path());
                auto status = std::make_shared<StreamStatus>();
                statuses.emplace(stream.id, status);
                workers.push_back(std::make_unique<CameraWorker>(
                    std::move(with), RecordingSink{std::move(writer), entries}, std::move(status)));
            }
        for (auto& worker : workers)
            camera_threads.emplace_back([&worker = *worker](std::stop_token stop) { worker.run(stop); });
    }

    void start_server() {
        footage.emplace(catalog, entries, syncer->reader());
        const auto files = std::make_shared<ObjectFiles>(syncer->reader(), store);
        counters->withdrawals.listen([files](ObjectId id) { files->forget(id); });
        router = make_router(Authorisation{{server->is_loopback(), options.allow_unauthenticated}},
                             ApiParts{*footage, files, statuses});
        server->start();
    }

    bool stop() {
        server->stop();
        for (auto& thread : camera_threads) thread.request_stop();
        camera_threads.clear();
        workers.clear();
        const auto drained = committer.drain(std::chrono::seconds{10});
        if (!drained) log::error("not all could be stored: " + store.describe(drained.error()));
        return drained.has_value();
    }

    ServiceOptions options;
    std::optional<http::Server> server;
    SqliteStore store;
    Catalog catalog{store};
    SampleEntries entries;
    std::shared_ptr<EngineCounters> counters = std::make_shared<EngineCounters>();
    Committer<SqliteStore> committer{store};
    std::optional<Recorder::Syncer> syncer;
    std::optional<Running<StdThreads, 2>> threads;
    std::optional<Scrubber<Recorder>> scrubber;
    std::optional<StdThreads::Thread> scrubbing;
    Statuses statuses;
    std::vector<std::unique_ptr<CameraWorker>> workers;
    std::optional<Footage> footage;
    std::unique_ptr<http::Router> router;
    std::vector<std::jthread> camera_threads;
};

Service::Service(ServiceOptions options) try : parts_{std::make_unique<Parts>(std::move(options))} {
} catch (const ServiceError&) {
    throw;
} catch (const std::exception& e) {
    throw ServiceError{e.what()};
}

Service::~Service() {
    if (parts_) (void)stop();
}

std::string Service::address() const { return "http://" + parts_->server->authority() + "/"; }

bool Service::stop() {
    if (!parts_) return true;
    const bool is_clean = parts_->stop();
    parts_.reset();
    return is_clean;
}

}  // namespace nvr
