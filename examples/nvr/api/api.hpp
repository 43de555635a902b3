#ifndef NVR_API_API_HPP
#define NVR_API_API_HPP

#include "api/object_files.hpp"
#include "auth/authorisation.hpp"
#include "camera/status.hpp"
#include "catalog/footage.hpp"
#include "http/router.hpp"

#include <memory>

namespace nvr {

/// What the answers are made of. Must outlive the router.
struct ApiParts {
    Footage& footage;
    std::shared_ptr<ObjectFiles> files;
    const Statuses& statuses;
};

/// All addresses of the recorder: the page and everything below /api/.
std::unique_ptr<http::Router> make_router(Authorisation authorisation, ApiParts parts);

}  // namespace nvr

#endif
