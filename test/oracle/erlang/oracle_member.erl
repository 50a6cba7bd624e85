%% A child that asks the director what to do at its start and at its end.
-module(oracle_member).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

start_link(Id) -> gen_server:start_link(?MODULE, Id, []).

init(Id) ->
    process_flag(trap_exit, true),
    director ! {starting, Id, self()},
    receive
        {verdict, ready} -> {ok, Id};
        {verdict, fail} -> {stop, told_to_fail};
        {verdict, ignore} -> ignore
    end.

handle_call(_, _, Id) -> {reply, ok, Id}.

handle_cast(_, Id) -> {noreply, Id}.

handle_info({end_with, Reason}, Id) -> {stop, Reason, Id};
handle_info(_, Id) -> {noreply, Id}.

terminate(Reason, Id) ->
    director ! {stopping, Id, self(), Reason},
    receive go_on -> ok end.
