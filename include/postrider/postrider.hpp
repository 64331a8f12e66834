// Everything that needs only Asio, OpenSSL and tl::expected. <postrider/storage/sqlite.hpp> is included by name.
#pragma once

#include <postrider/client/dial.hpp>
#include <postrider/client/explain.hpp>
#include <postrider/client/pool.hpp>
#include <postrider/client/probe.hpp>
#include <postrider/client/send.hpp>
#include <postrider/core/receipt.hpp>
#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/delivery/pipeline.hpp>
#include <postrider/delivery/retry.hpp>
#include <postrider/mail/delivery_status.hpp>
#include <postrider/mail/message.hpp>
#include <postrider/registry/registry.hpp>
#include <postrider/server/listener.hpp>
#include <postrider/server/registry_logins.hpp>
#include <postrider/storage/memory.hpp>
