#ifndef NVR_API_VIEW_HPP
#define NVR_API_VIEW_HPP

#include "api/api.hpp"

namespace nvr {

/// `view.mp4`: the parts of a stream that the parameters select, as one file.
http::Response view_mp4(const ApiParts& parts, bobbin::StreamId stream, const http::Request& request,
                        ViewGrant grant);

/// `init/ID.mp4`: what comes before media segments of a sample entry.
http::Response initialization(const ApiParts& parts, std::string_view name, ViewGrant grant);

/// The answer for an error of the store or of a file.
http::Response response_for(const bobbin::Error& error);

}  // namespace nvr

#endif
