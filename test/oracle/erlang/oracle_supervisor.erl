%% A supervisor as a scenario says.
-module(oracle_supervisor).
-behaviour(supervisor).
-export([init/1, spec/1]).

init({[Strategy, Intensity, AutoShutdown], Children}) ->
    Flags = #{strategy => Strategy, intensity => Intensity, period => 3600, auto_shutdown => AutoShutdown},
    {ok, {Flags, [spec(Child) || Child <- Children]}}.

spec([Id, Restart, Shutdown, Significant]) ->
    #{id => Id, start => {oracle_member, start_link, [Id]}, restart => Restart, shutdown => Shutdown,
      significant => Significant}.
