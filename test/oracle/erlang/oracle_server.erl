%% A gen_server that does what its requests say.
-module(oracle_server).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2]).

init([ready]) -> {ok, {0, [], none}};
init([trap]) -> process_flag(trap_exit, true), {ok, {0, [], none}};
init([continue]) -> {ok, {0, [], none}, {continue, continued}};
init([stop]) -> {stop, told_to_stop};
init([crash]) -> error(crash).

handle_call([add, By], _, {Total, Log, Waiting}) -> {reply, Total + By, {Total + By, Log, Waiting}};
handle_call([get], _, {Total, _, _} = State) -> {reply, Total, State};
handle_call([log], _, {_, Log, _} = State) -> {reply, list_to_atom(lists:concat(lists:join(",", lists:reverse(Log)))), State};
handle_call([later], From, {Total, Log, _}) -> {noreply, {Total, Log, From}};
handle_call([never], _, State) -> {noreply, State};
handle_call([twice, First, Second], From, State) ->
    gen_server:reply(From, First),
    gen_server:reply(From, Second),
    {noreply, State};
handle_call([crash], _, _) -> error(crash);
handle_call([throw], _, _) -> throw(tossed);
handle_call([exit, Reason], _, _) -> exit(Reason);
handle_call([stop, Reason, Reply], _, State) -> {stop, Reason, Reply, State}.

handle_cast([note, What], {Total, Log, Waiting}) -> {noreply, {Total, [What | Log], Waiting}};
handle_cast([release, Value], {_, _, From} = State) -> gen_server:reply(From, Value), {noreply, State};
handle_cast([crash], _) -> error(crash).

handle_info({msg, _, What}, {Total, Log, Waiting}) -> {noreply, {Total, [What | Log], Waiting}};
handle_info(_, State) -> {noreply, State}.

handle_continue(Topic, {Total, Log, Waiting}) -> {noreply, {Total, [Topic | Log], Waiting}}.

terminate(_, _) -> ok.
